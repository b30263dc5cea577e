import { stopContainer } from '../src/nspawn/index.ts';
import type { ContainerHandler } from './container-handler.ts';

/** Shuts a container down and waits until nothing of it runs. */
export const handleContainerStop: ContainerHandler<'container.stop'> = stopContainer;
