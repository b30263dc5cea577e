import { removeContainer } from '../src/nspawn/index.ts';
import type { ContainerHandler } from './container-handler.ts';

/** Stops and removes a container. */
export const handleContainerRm: ContainerHandler<'container.rm'> = removeContainer;
