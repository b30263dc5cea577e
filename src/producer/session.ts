import { setTimeout as delay } from 'node:timers/promises';
import { type SdmeError, toSdmeError } from '../base/errors.ts';
import { type Batches, openBatches } from '../queue/batches.ts';
import { connectQueue, type QueueConnection, type QueueTarget } from '../queue/connections.ts';
import { type Hints, openHints } from '../queue/hints.ts';
import { openRecords, type Records } from '../queue/records.ts';
import type { Submitter } from '../queue/submission.ts';
import { toQueueError } from '../queue/unavailable.ts';
import type { LocalKeeper } from './local-keeper.ts';
import type { WorkerLook } from './missing-worker.ts';

/** The queue as the producer uses it. */
export interface OpenQueue {
  readonly connection: QueueConnection;
  readonly records: Records;
  /** The write side, with BullMQ; loaded at the first call, so that questions are quick. */
  submitter(): Promise<Submitter>;
  close(): Promise<void>;
  readonly hints: Hints;
  readonly batches: Batches;
}

/** How patient a client is, in milliseconds. */
export interface Patience {
  /** A single question or submit, before `queue.unavailable`. */
  readonly commandMs: number;
  /** How long a queue may be away while somebody waits for a job. */
  readonly outageMs: number;
}

/** One client's connection, made when first needed, and what keeps the local queue alive. */
export interface Session {
  /** Runs work on the queue, which is started if it is local. Errors are ours. */
  use<T>(work: (queue: OpenQueue) => Promise<T>): Promise<T>;
  /**
   * The same for somebody who waits: a queue that is away is waited for, and started again if it is local.
   * @throws SdmeError `queue.unavailable` after `outageMs`, `worker.unavailable`; the signal's reason
   */
  patiently<T>(signal: AbortSignal, work: (queue: OpenQueue) => Promise<T>): Promise<T>;
  /** After this long without any sign those who wait call {@link Session.ensureAgain}, in milliseconds. */
  readonly silenceMs: number;
  /**
   * Makes sure that the local worker is there; of a shared queue, looks whether the host of what is waited for has one.
   * @throws SdmeError `worker.unavailable` of a local one that was given up
   */
  ensureAgain(signal: AbortSignal, hostOf: HostOf): Promise<void>;
  close(): Promise<void>;
}

/** The host that runs what somebody waits for, if that can be told. */
export type HostOf = (queue: OpenQueue) => Promise<string | undefined>;

/** A local worker is looked after by systemd or a supervisor. */
const localSilenceMs = 10_000;
/** Nobody but the person who waits may know that a shared queue has no worker. */
const sharedSilenceMs = 3_000;

/** Pause between two tries while the queue is away. */
const retryMs = 250;

/** Pause before a connection that broke is taken for more than a restart of the server, in milliseconds. */
const mendMs = 1_000;

/** Opens a session; `look` is given for a shared queue. */
export function openSession(
  target: QueueTarget,
  keeper: LocalKeeper,
  patience: Patience,
  look?: WorkerLook,
): Session {
  let opening: Promise<OpenQueue> | undefined;
  /** Those who wait just now; each is called with what makes waiting pointless. */
  const waiters = new Set<(error: SdmeError) => void>();
  let mending: NodeJS.Timeout | undefined;

  /** A local queue that is gone for good is started again, while the commands of those who wait are kept back. */
  const mend = async (): Promise<void> => {
    const queue = await opening;
    if (waiters.size === 0 || queue?.connection.commands.status === 'ready') return;
    await tryAgain(keeper);
  };
  const onError = (): void => {
    mending ??= setTimeout(() => {
      mend()
        .catch((error: unknown) => {
          for (const give of waiters) give(toSdmeError(error));
        })
        .finally(() => {
          mending = undefined;
        });
    }, mendMs).unref();
  };
  const open = (): Promise<OpenQueue> => {
    opening ??= openQueue(target, patience.commandMs, onError).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  const use = async <T>(work: (queue: OpenQueue) => Promise<T>): Promise<T> => {
    try {
      return await keeper.hold(async () => work(await open()));
    } catch (error) {
      throw toQueueError(error, target);
    }
  };
  const patiently = async <T>(signal: AbortSignal, work: (queue: OpenQueue) => Promise<T>): Promise<T> => {
    const since = Date.now();
    for (;;) {
      signal.throwIfAborted();
      try {
        // Held only while it is opened: a job that is waited for keeps the queue alive by itself.
        return await abortable(signal, waiters, async () => work(await (opening ?? keeper.hold(open))));
      } catch (thrown) {
        signal.throwIfAborted();
        const error = toQueueError(thrown, target);
        if (error.code !== 'queue.unavailable' || Date.now() - since > patience.outageMs) throw error;
        await tryAgain(keeper, signal);
        await delay(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  };
  return {
    use,
    patiently,
    silenceMs: look === undefined ? localSilenceMs : sharedSilenceMs,
    ensureAgain: async (signal, hostOf) => {
      await keeper.ensureAgain(signal);
      if (look === undefined) return;
      await patiently(signal, async (queue) => {
        const host = await hostOf(queue);
        if (host !== undefined) await look(queue.connection, host);
      });
    },
    close: async () => {
      clearTimeout(mending);
      const queue = await opening?.catch(() => undefined);
      opening = undefined;
      await queue?.close();
      await keeper.close();
    },
  };
}

async function openQueue(target: QueueTarget, commandMs: number, onError: () => void): Promise<OpenQueue> {
  const connection = await connectQueue(target, { name: 'sdme-producer', patienceMs: commandMs, onError });
  let writing: Promise<Submitter> | undefined;
  return {
    connection,
    records: openRecords(connection),
    submitter: () => {
      writing ??= import('../queue/submission.ts').then(({ openSubmitter }) => openSubmitter(connection));
      return writing;
    },
    hints: openHints(connection),
    batches: openBatches(connection),
    close: async () => {
      await (await writing)?.close();
      await connection.close();
    },
  };
}

/** A local queue that does not come up just now may do so at the next try; a worker that was given up will not. */
async function tryAgain(keeper: LocalKeeper, signal?: AbortSignal): Promise<void> {
  try {
    await keeper.ensureAgain(signal);
  } catch (thrown) {
    const error: SdmeError = toSdmeError(thrown);
    if (error.code !== 'queue.unavailable') throw error;
  }
}

/** The work's outcome, or the signal's reason as soon as it aborts, or what `waiters` are given. */
async function abortable<T>(
  signal: AbortSignal,
  waiters: Set<(error: SdmeError) => void>,
  work: () => Promise<T>,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  waiters.add(reject);
  try {
    return await Promise.race([work(), promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    waiters.delete(reject);
  }
}
