import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { startContainer, stopContainer } from '../src/nspawn/index.ts';
import type { Handler } from './deps.ts';

/** Shuts a container down, if it runs, and boots it. */
export const handleContainerRestart: Handler<
  InputOf<'container.restart'>,
  ResultOf<'container.restart'>
> = async (ctx, { name, mode, timeout }, deps) => {
  await stopContainer(ctx, { name, mode }, deps);
  const { bootMs } = await startContainer(ctx, { name, timeout }, deps);
  return { name, bootMs };
};
