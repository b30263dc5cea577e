import { enableContainer } from '../src/nspawn/index.ts';
import type { ContainerHandler } from './container-handler.ts';

/** Makes a container start when the host boots. */
export const handleContainerEnable: ContainerHandler<'container.enable'> = (ctx, { name }, deps) =>
  enableContainer(ctx, { name, enabled: true }, deps);

/** Undoes it. */
export const handleContainerDisable: ContainerHandler<'container.disable'> = (ctx, { name }, deps) =>
  enableContainer(ctx, { name, enabled: false }, deps);
