import { startContainer } from '../src/nspawn/index.ts';
import type { ContainerHandler } from './container-handler.ts';

/** Boots a container and waits until it is up. */
export const handleContainerStart: ContainerHandler<'container.start'> = startContainer;
