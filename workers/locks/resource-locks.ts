import { SdmeError } from '../../src/base/errors.ts';
import { type Layout, lockKinds } from '../../src/base/paths.ts';
import type { LockRequest } from '../../src/contracts/index.ts';
import { takeLock, waitForLock } from '../../src/system/fs/locks.ts';
import { makeKeyedMutex } from './mutex.ts';

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

/** Each lock once, the stronger mode if asked for twice, in the order of `lockKinds` and then by name. Pure. */
export function inLockOrder(requests: readonly LockRequest[]): LockRequest[] {
  const byKey = new Map<string, LockRequest>();
  for (const request of requests) {
    const key = lockKey(request);
    if (byKey.get(key)?.mode !== 'exclusive') byKey.set(key, request);
  }
  const rank = ({ kind }: LockRequest): number => lockKinds.indexOf(kind);
  return [...byKey.values()].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

function lockKey({ kind, name }: LockRequest): string {
  return `${kind}/${name}`;
}

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
