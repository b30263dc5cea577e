import type { Context } from '../src/base/context.ts';
import { describeError, SdmeError } from '../src/base/errors.ts';
import { type ContainerDeps, createContainer, removeContainer, startContainer } from '../src/nspawn/index.ts';
import type { ContainerHandler } from './container-handler.ts';

/** How long the removal after a failed start may take, in milliseconds. */
const cleanupMs = 120_000;

/** Removes what did not come up. @returns what the job fails for: why it did not, without what is true no more */
async function removeAfterFailure(
  ctx: Context,
  name: string,
  deps: ContainerDeps,
  cause: unknown,
): Promise<unknown> {
  ctx.log.error(`start failed, removing '${name}'`);
  try {
    await removeContainer({ ...ctx, signal: AbortSignal.timeout(cleanupMs) }, { name }, deps);
  } catch (error) {
    ctx.log.error(`'${name}' could not be removed, try 'sdme rm ${name}': ${describeError(error)}`);
    return cause;
  }
  if (!(cause instanceof SdmeError && cause.code === 'container.boot-timeout')) return cause;
  const { code, facts } = cause;
  return new SdmeError(
    code,
    `container '${name}' was still starting when sdme timed out after ${facts.seconds} s, and was removed; try a longer --timeout`,
    { facts },
  );
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
    // One whose job goes back to the queue is kept: it is run again.
    if (error instanceof SdmeError && error.code === 'job.handed-back') throw error;
    throw await removeAfterFailure(ctx, name, deps, error);
  }
  return result;
};
