import { SdmeError } from '../base/errors.ts';
import type { HeldLock } from '../system/exec/flock.ts';
import { ensureLocal, type LocalOptions, localFailure } from './local.ts';

/** Keeps the local queue up while somebody needs it. */
export interface LocalKeeper {
  /** Makes sure of queue and worker, and keeps them from ending until the work is done. */
  hold<T>(work: () => Promise<T>): Promise<T>;
  /**
   * For whoever waits: makes sure of queue and worker once more.
   * @throws SdmeError `worker.unavailable` when they were given up
   */
  ensureAgain(signal?: AbortSignal): Promise<void>;
  /** Gives up what is held. */
  close(): Promise<void>;
}

/** A keeper for a queue that is elsewhere: somebody else starts it, and its workers. */
export const remoteKeeper: LocalKeeper = Object.freeze({
  hold: <T>(work: () => Promise<T>) => work(),
  ensureAgain: async () => {},
  close: async () => {},
});

/** How long the lock is kept after the last use, so that many submits in a row take it once. */
const lingerMs = 500;

/** A keeper of the embedded queue. The lock it holds is shared: any number of processes may submit. */
export function openLocalKeeper(options: LocalOptions): LocalKeeper {
  let users = 0;
  let held: Promise<HeldLock> | undefined;
  let lingering: NodeJS.Timeout | undefined;
  let closed = false;

  const release = async (): Promise<void> => {
    clearTimeout(lingering);
    lingering = undefined;
    const lock = held;
    held = undefined;
    // What went wrong while taking it was told to whoever wanted it.
    await (await lock?.catch(() => undefined))?.release();
  };
  const acquire = async (): Promise<void> => {
    clearTimeout(lingering);
    held ??= ensureLocal(options);
    try {
      await held;
    } catch (error) {
      held = undefined;
      throw error;
    }
  };
  return {
    hold: async (work) => {
      users += 1;
      try {
        await acquire();
        return await work();
      } finally {
        users -= 1;
        if (users === 0 && closed) await release();
        else if (users === 0) lingering = setTimeout(() => void release(), lingerMs).unref();
      }
    },
    ensureAgain: async (signal) => {
      const reason = await localFailure(options.settings);
      if (reason !== undefined) throw new SdmeError('worker.unavailable', reason);
      const lock = await ensureLocal(options, signal);
      await lock.release();
    },
    close: async () => {
      closed = true;
      if (users === 0) await release();
    },
  };
}
