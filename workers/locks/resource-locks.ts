import { SdmeError } from '../../src/base/errors.ts';
import type { Layout } from '../../src/base/paths.ts';
import type { LockRequest } from '../../src/contracts/index.ts';
import { takeLock, waitForLock } from '../../src/system/fs/locks.ts';
import { makeKeyedMutex } from './mutex.ts';
import { inLockOrder, lockKey } from './order.ts';

/** The locks of this worker's jobs. */
export interface ResourceLocks {
  /**
   * Takes all locks of a job, in the one order that keeps two jobs from waiting for each other; `onWait` names
   * each one that is not free, e.g. `lock fs/debian`. @throws the signal's reason; SdmeError `io`
   */
  take(
    requests: readonly LockRequest[],
    signal: AbortSignal,
    onWait: (what: string) => void,
  ): Promise<AsyncDisposable>;
}

const noLocks: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() };

/**
 * Locks of two layers: a mutex in this process, which is fair and costs nothing, and below it the layout's
 * flock(2) file, which holds against other processes and outlives nothing but its own.
 */
export function openResourceLocks(layout: Layout): ResourceLocks {
  const mutex = makeKeyedMutex();
  return {
    take: async (requests, signal, onWait) => {
      if (requests.length === 0) return noLocks;
      await using held = new AsyncDisposableStack();
      for (const request of inLockOrder(requests)) {
        const key = lockKey(request);
        const free = mutex.tryTake(key, request.mode);
        if (free === undefined) onWait(`lock ${key}`);
        held.use(free ?? (await mutex.take(key, request.mode, signal)));
        held.use(await takeFile(layout, request, signal, () => onWait(`lock ${key}`)));
      }
      return held.move();
    },
  };
}

async function takeFile(
  layout: Layout,
  request: LockRequest,
  signal: AbortSignal,
  onBusy: () => void,
): Promise<AsyncDisposable> {
  try {
    return await takeLock(layout, request);
  } catch (error) {
    if (!(error instanceof SdmeError) || error.code !== 'lock.busy') throw error;
  }
  onBusy();
  return waitForLock(layout, request, signal);
}
