import type { HeldLock } from '../src/system/exec/flock.ts';

export interface IdleOptions {
  /** Milliseconds without work after which the worker ends. */
  readonly idleMs: number;
  /** Whether nothing is queued, running or in hand now. */
  readonly isIdle: () => Promise<boolean>;
  /** Takes the lock that keeps submits out, without waiting. */
  readonly takeLock: () => Promise<HeldLock | undefined>;
}

/** Tells when a worker has been idle for long enough. Asked again and again. */
export interface IdleWatch {
  /**
   * The lock, once the worker shall end: nothing can have been submitted since the last look, and nothing can be
   * as long as the lock is held, which the process keeps until its end.
   */
  look(now: number): Promise<HeldLock | undefined>;
}

/** Makes a watch; the time counts from its making. `now` is in milliseconds of any clock that only grows. */
export function makeIdleWatch(options: IdleOptions, now: number): IdleWatch {
  let idleSince = now;
  return {
    look: async (at) => {
      if (!(await options.isIdle())) {
        idleSince = at;
        return undefined;
      }
      if (at - idleSince < options.idleMs) return undefined;
      const lock = await options.takeLock();
      if (lock === undefined) return undefined;
      if (await options.isIdle()) return lock;
      idleSince = at;
      await lock.release();
      return undefined;
    },
  };
}
