import { availableParallelism, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { connectQueue, type QueueTarget } from '../src/queue/connections.ts';
import { createRecord } from '../src/queue/create-record.ts';
import { sealEnvelope } from '../src/queue/envelope.ts';
import { openHints } from '../src/queue/hints.ts';
import { insist } from '../src/queue/insist.ts';
import { channels } from '../src/queue/keys.ts';
import { openRecordWriter } from '../src/queue/lifecycle.ts';
import { announceEveryMs, announceWorker } from '../src/queue/presence.ts';
import { setAside } from '../src/queue/quarantine.ts';
import { openRecords } from '../src/queue/records.ts';
import { requestCancel } from '../src/queue/request-cancel.ts';
import { askServer, serverDoubts } from '../src/queue/server-doubts.ts';
import { liveStates } from '../src/queue/states.ts';
import { openBullQueues } from '../src/queue/submission.ts';
import { hasStarted } from '../src/queue/upkeep.ts';
import { type Consumer, startConsumer } from './consumer.ts';
import { type Dispatcher, makeDispatcher } from './dispatcher.ts';
import type { Journal } from './journal/journal.ts';
import type { HostFacts, Kinds } from './kinds.ts';
import { makeKeyedMutex } from './locks/mutex.ts';
import { openResourceLocks } from './locks/resource-locks.ts';
import { enqueueReady } from './planner.ts';
import { coalesce } from './reporting/coalesce.ts';
import { makeSlots, slotCounts } from './slots.ts';
import { repeat } from './timers.ts';
import { makeUpkeep } from './upkeep.ts';

/** What one worker is made of. */
export interface WorkerOptions {
  readonly target: QueueTarget;
  readonly facts: HostFacts;
  readonly kinds: Kinds;
  /** Ended by whoever opened it, after the worker. */
  readonly journal: Journal;
  readonly log: Logger;
  /** Milliseconds between two rounds of upkeep. */
  readonly upkeepMs?: number;
  /** Jobs in hand at once by queue; default: see {@link concurrencyFor}. */
  readonly concurrency?: { readonly control: number; readonly bulk: number } | undefined;
}

/** A worker that takes jobs. */
export interface RunningWorker {
  /** True when nothing of this host is queued, waiting or running. @throws when the queue cannot be asked */
  isIdle(): Promise<boolean>;
  /**
   * Takes no more jobs, lets those in hand finish for `graceMs`, and hands back the rest, which get `undoMs`.
   * Then the queue gets `farewellMs` to be told; one that does not answer keeps nobody longer. Resolves true when
   * all jobs have ended.
   */
  stop(limits: StopLimits): Promise<boolean>;
}

/** How long a worker may take to stop; `now` cuts the grace short. */
export interface StopLimits {
  readonly graceMs: number;
  readonly undoMs: number;
  readonly farewellMs: number;
  readonly now?: AbortSignal;
}

/** Four bulk jobs for each slot wait in hand for their slots; control jobs wait for nothing but locks. */
export function concurrencyFor(slots: Readonly<Record<string, number>>): { control: number; bulk: number } {
  const all = Object.values(slots).reduce((sum, count) => sum + count, 0);
  return { control: 64, bulk: Math.min(64, Math.max(8, all * 4)) };
}

const defaultUpkeepMs = 5_000;
const firstUpkeepMs = 1_000;
const retentionMs = 60_000;
const poisonPaceMs = 50;

/** Connects, clears up after a dead predecessor, and begins to take jobs. @throws SdmeError */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { facts, log, journal } = options;
  const { host, layout, settings } = facts;
  await using starting = new AsyncDisposableStack();
  const connection = starting.use(
    await connectQueue(options.target, {
      name: 'sdme-worker',
      patienceMs: Number.POSITIVE_INFINITY,
      onError: (error) => log.debug({ err: error }, 'the queue does not answer'),
    }),
  );
  const giveUp = new AbortController();
  const redis = connection.commands;
  const records = openRecordWriter(redis, giveUp.signal);
  const reader = openRecords(connection);
  const counts = slotCounts(settings, { cores: availableParallelism(), memoryBytes: totalmem() });
  const queues = openBullQueues(redis);
  starting.defer(() => queues.close());
  const dispatcher = makeDispatcher({
    host,
    kinds: options.kinds,
    records,
    journal,
    log,
    locks: openResourceLocks(layout),
    slots: { network: makeSlots(counts.network), disk: makeSlots(counts.disk), cpu: makeSlots(counts.cpu) },
    suspects: makeKeyedMutex(),
    children: {
      create: (job) => insist(() => createRecord(redis, job, sealEnvelope(job.body)), giveUp.signal),
      read: (id) => reader.read(id),
      cancel: (id) => requestCancel(redis, id),
    },
    plan: (ready) => insist(() => enqueueReady(redis, queues, ready), giveUp.signal),
    setAside: (note) => setAside(redis, note),
    hasStarted: (id) => hasStarted(redis, id),
  });
  const retention = { ageSeconds: settings.job_retention_age, count: settings.job_retention_count };
  const upkeep = makeUpkeep({ host, redis, records, queues, dispatcher, journal, log, retention });
  const onError = (error: unknown): void => log.warn({ err: error }, 'upkeep failed; it is tried again');
  const soon = (work: () => Promise<void>) => (): void => {
    work().catch(onError);
  };
  await openHints(connection).listen(channels.cancel(host), (id) => {
    if (id === undefined) soon(upkeep.marks)();
    else dispatcher.cancel(id);
  });
  // A queue full of poison makes a complaint for each piece.
  const poison = coalesce(upkeep.poison, poisonPaceMs, onError);
  starting.defer(poison.stop);
  const upkeepMs = options.upkeepMs ?? defaultUpkeepMs;
  // It looks at every job that waits, which would keep the first of them waiting.
  starting.use(repeat(upkeep.often, upkeepMs, onError, Math.min(upkeepMs, firstUpkeepMs)));
  starting.use(repeat(upkeep.seldom, retentionMs, onError));
  if ('url' in options.target) {
    const announce = (): Promise<void> => announceWorker(redis, host);
    starting.use(repeat(announce, announceEveryMs, onError));
    for (const doubt of serverDoubts(await askServer(redis))) log.warn(`the queue's server: ${doubt}`);
  }
  const concurrency = options.concurrency ?? concurrencyFor(counts);
  const consumers = (['control', 'bulk'] as const).map((queue) =>
    startConsumer({
      host,
      queue,
      concurrency: concurrency[queue],
      commands: redis,
      dispatcher,
      log,
      onTrouble: poison.request,
    }),
  );
  const opened = starting.move();
  return {
    isIdle: async () => dispatcher.ids().length === 0 && (await reader.count(host, liveStates)) === 0,
    stop: async (limits) => {
      const ended = await stopConsumers(consumers, dispatcher, limits);
      giveUp.abort();
      await connection.close();
      await Promise.race([opened.disposeAsync(), delay(1_000)]);
      return ended;
    },
  };
}

/**
 * True when all jobs have settled. What the queue could not be told is told by the next worker: the journal has the
 * outcomes, and BullMQ delivers again what was not handed back.
 */
async function stopConsumers(
  consumers: readonly Consumer[],
  dispatcher: Dispatcher,
  { graceMs, undoMs, farewellMs, now }: StopLimits,
): Promise<boolean> {
  const closed = Promise.all(consumers.map((consumer) => consumer.close())).then(() => dispatcher.written());
  closed.catch(() => {});
  dispatcher.stopTaking();
  let settled = await within(dispatcher.settled(), graceMs, now);
  if (!settled) {
    dispatcher.handBackAll();
    settled = await within(dispatcher.settled(), undoMs, undefined);
  }
  if (settled) await within(closed, farewellMs, undefined);
  return settled;
}

/** Whether `done` came within the time, which `hurry` cuts short. */
async function within(done: Promise<void>, ms: number, hurry: AbortSignal | undefined): Promise<boolean> {
  const timer = new AbortController();
  const signal = hurry === undefined ? timer.signal : AbortSignal.any([timer.signal, hurry]);
  const late = delay(ms, false, { signal }).catch(() => false);
  try {
    return await Promise.race([done.then(() => true), late]);
  } finally {
    timer.abort();
  }
}
