import type { Context } from '../src/base/context.ts';
import { describeError, SdmeError } from '../src/base/errors.ts';
import { type ContainerDeps, createContainer, removeContainer, startContainer } from '../src/nspawn/index.ts';
import type { ContainerHandler } from './container-handler.ts';

/** How long the removal after a failed start may take, in milliseconds. */
const cleanupMs = 120_000;

/** A container whose first start failed is not kept; one whose job goes back to the queue is: it is run again. */
async function removeAfterFailure(
  ctx: Context,
  name: string,
  deps: ContainerDeps,
  cause: unknown,
): Promise<void> {
  if (cause instanceof SdmeError && cause.code === 'job.handed-back') return;
  ctx.log.error(`start failed, removing '${name}'`);
  try {
    await removeContainer({ ...ctx, signal: AbortSignal.timeout(cleanupMs) }, { name }, deps);
  } catch (error) {
    // Why it did not start is what the job failed for.
    ctx.log.error(`'${name}' could not be removed, try 'sdme rm ${name}': ${describeError(error)}`);
  }
}

/** Makes a container, and boots it if asked to; then it is kept only if it came up. */
export const handleContainerCreate: ContainerHandler<'container.create'> = async (ctx, input, deps) => {
  const { name, rootfs, started, timeout } = input;
  await createContainer(ctx, input, deps);
  const result = rootfs === undefined ? { name, started } : { name, rootfs, started };
  if (!started) return result;
  ctx.log.info(`starting '${name}'`);
  try {
    await startContainer(ctx, { name, timeout }, deps);
  } catch (error) {
    await removeAfterFailure(ctx, name, deps, error);
    throw error;
  }
  return result;
};
