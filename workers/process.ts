import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { QueueTarget } from '../src/queue/connections.ts';
import { embeddedFiles } from '../src/queue/embedded-files.ts';
import { farewellLimitMs, undoLimitMs } from '../src/queue/stop-times.ts';
import { type HeldLock, takeFlock } from '../src/system/exec/flock.ts';
import { makeIdleWatch } from './idle.ts';
import type { Synchronous } from './journal/entries.ts';
import { memoryJournal } from './journal/journal.ts';
import { openJournal } from './journal/open.ts';
import type { HostFacts, Kinds } from './kinds.ts';
import { repeat } from './timers.ts';
import { type RunningWorker, startWorker, type WorkerOptions } from './worker.ts';

export interface WorkerProcessOptions {
  readonly facts: HostFacts;
  readonly kinds: Kinds;
  readonly log: Logger;
  /** What to do while another worker serves this host. Default `wait`; `ignore` is for tests of that very case. */
  readonly ifRunning?: 'wait' | 'exit' | 'ignore';
  /** Ends the worker; a second one does it at once. */
  readonly stop: AbortSignal;
  readonly stopNow: AbortSignal;
  /** For measurements only; default `FULL`. `none` keeps no journal. */
  readonly journal?: Synchronous | 'none';
  readonly upkeepMs?: number;
  readonly concurrency?: WorkerOptions['concurrency'];
}

/** Why a worker ended. Only `idle` and `stopped` are good ends. */
export type EndReason = 'idle' | 'stopped' | 'forced' | 'taken' | 'broken';

/** A worker's end. */
export interface WorkerEnd {
  readonly reason: EndReason;
  /** Of an idle end: keeps submits out, and is to be kept until the process is gone. */
  readonly submitLock?: HeldLock;
}

const idleLookMs = 1_000;

/** Where the queue of a worker with these settings is. */
export function targetOf({ settings, layout }: HostFacts): QueueTarget {
  return settings.queue_url === '' ? { socket: layout.queueSocket } : { url: settings.queue_url };
}

/** The life of a worker process: alone on its host, from start to a reason to end. @throws SdmeError */
export async function runWorkerProcess(options: WorkerProcessOptions): Promise<WorkerEnd> {
  const { facts, log, stop } = options;
  const { layout, settings } = facts;
  await mkdir(layout.runtimeDir, { recursive: true, mode: 0o700 });
  await mkdir(dirname(layout.journalFile), { recursive: true, mode: 0o700 });
  const alone = await beAlone(options, join(layout.runtimeDir, 'worker.lock'));
  if (alone === 'stopped' || alone === 'taken') return { reason: alone };
  await using _alone = alone;
  const broken = new AbortController();
  const onBroken = (error: Error): void => {
    log.fatal({ err: error }, 'the journal is broken');
    broken.abort();
  };
  await using journal =
    options.journal === 'none'
      ? memoryJournal()
      : await openJournal({
          path: layout.journalFile,
          runtimeDir: layout.runtimeDir,
          synchronous: options.journal ?? 'FULL',
          onBroken,
        });
  const { kinds, upkeepMs, concurrency } = options;
  const target = targetOf(facts);
  const worker = await startWorker({
    target,
    facts,
    kinds,
    journal,
    log,
    ...(upkeepMs === undefined ? {} : { upkeepMs }),
    ...(concurrency === undefined ? {} : { concurrency }),
  });
  log.info({ host: facts.host }, 'taking jobs');
  const idle = new AbortController();
  let submitLock: HeldLock | undefined;
  const onIdle = (lock: HeldLock): void => {
    submitLock = lock;
    idle.abort();
  };
  await using _watch = settings.queue_url === '' ? watchIdle(options, worker, onIdle) : undefined;
  await aborted(AbortSignal.any([stop, broken.signal, idle.signal]));
  if (broken.signal.aborted) return { reason: 'broken' };
  const graceMs = idle.signal.aborted ? 0 : settings.shutdown_grace * 1_000;
  const ended = await worker.stop({
    graceMs,
    undoMs: undoLimitMs,
    farewellMs: farewellLimitMs,
    now: options.stopNow,
  });
  if (submitLock !== undefined) return { reason: ended ? 'idle' : 'forced', submitLock };
  return { reason: ended ? 'stopped' : 'forced' };
}

/** Takes the lock that one worker a host holds, or says why not. */
async function beAlone(
  { ifRunning = 'wait', stop, log }: WorkerProcessOptions,
  path: string,
): Promise<AsyncDisposableStack | 'taken' | 'stopped'> {
  const held = new AsyncDisposableStack();
  if (ifRunning === 'ignore') return held;
  for (let waited = 0; !stop.aborted; waited += 1) {
    const lock = await takeFlock(path, 'exclusive', ifRunning === 'exit' ? 0 : 1_000);
    if (lock !== undefined) {
      held.use(lock);
      return held;
    }
    if (ifRunning === 'exit') return 'taken';
    if (waited === 0) log.info('another worker serves this host; waiting for its end');
  }
  return 'stopped';
}

/** Looks every second; once idle, the submit lock stays held until this process has ended. */
function watchIdle(
  { facts, log }: WorkerProcessOptions,
  worker: RunningWorker,
  onIdle: (lock: HeldLock) => void,
): AsyncDisposable {
  const path = embeddedFiles(facts.layout).submitLock;
  const watch = makeIdleWatch(
    {
      idleMs: facts.settings.queue_idle_seconds * 1_000,
      isIdle: worker.isIdle,
      takeLock: () => takeFlock(path, 'exclusive', 0),
    },
    performance.now(),
  );
  const look = async (): Promise<void> => {
    const lock = await watch.look(performance.now());
    if (lock === undefined) return;
    log.info('idle for long enough');
    onIdle(lock);
  };
  return repeat(look, idleLookMs, (error) =>
    log.warn({ err: error }, 'cannot tell whether the queue is idle'),
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
