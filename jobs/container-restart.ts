import { startContainer, stopContainer } from '../src/nspawn/index.ts';
import type { ContainerHandler } from './container-handler.ts';

/** Shuts a container down, if it runs, and boots it. */
export const handleContainerRestart: ContainerHandler<'container.restart'> = async (
  ctx,
  { name, mode, timeout },
  deps,
) => {
  await stopContainer(ctx, { name, mode }, deps);
  const { bootMs } = await startContainer(ctx, { name, timeout }, deps);
  return { name, bootMs };
};
