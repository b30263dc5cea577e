import { setLimits } from '../src/nspawn/index.ts';
import type { ContainerHandler } from './container-handler.ts';

/** Replaces the limits of a container. */
export const handleContainerSet: ContainerHandler<'container.set'> = setLimits;
