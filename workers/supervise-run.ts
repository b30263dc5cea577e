import type { Layout } from '../src/base/paths.ts';
import { prepareEmbeddedDirectories } from '../src/queue/embedded.ts';
import { clearFailure, embeddedFiles, writeFailure } from '../src/queue/embedded-files.ts';
import type { ChildEnd } from '../src/system/exec/child.ts';
import { type HeldLock, takeFlock } from '../src/system/exec/flock.ts';
import { endChild, endOrAbort, type Program, pause, startOwned } from './supervise-child.ts';
import { decideRestart, describeEnd, noRestarts, type RestartHistory } from './supervise-restart.ts';
import { keepServer } from './supervise-server.ts';

/** What one supervisor looks after. */
export interface SuperviseOptions {
  readonly layout: Layout;
  /** The worker; it exits with 0 when it has been idle for long enough. */
  readonly worker: Program;
  /** Milliseconds the worker gets after SIGTERM. */
  readonly workerGraceMs: number;
  /** Whether the queue holds a job that has not ended; asked while no submit can be under way. */
  readonly hasWork: () => Promise<boolean>;
  /** Ends everything in order, the worker first. */
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
}

/** Why a supervisor ended. `lost`: another one holds the lock, and serves. */
export type SuperviseEnd = 'idle' | 'stopped' | 'lost' | 'gave-up';

/** How long a starter waits for the lock of one that is just ending. */
const lockWaitMs = 300;
/** How long submits that are under way may delay the idle end. */
const submitWaitMs = 2_000;
/** Pause before the worker is started again because there is work after all. */
const busyPauseMs = 100;

/**
 * Keeps one embedded server and one worker running until the worker says it is idle and the queue holds no
 * job, or `signal` aborts. Both are its children and end with it, in order; when it is killed the kernel ends
 * them. Exactly one runs per runtime directory.
 */
export async function supervise(options: SuperviseOptions): Promise<SuperviseEnd> {
  const { layout, log } = options;
  await prepareEmbeddedDirectories(layout);
  await using only = await takeFlock(embeddedFiles(layout).supervisorLock, 'exclusive', lockWaitMs);
  if (only === undefined) return 'lost';
  await using ending = new AsyncDisposableStack();
  // Released after the server has ended, so that a starter that waited for it finds nothing half alive.
  let idleLock: HeldLock | undefined;
  ending.defer(async () => idleLock?.release());
  const stopServer = new AbortController();
  const server = await keepServer(layout, stopServer.signal, log);
  ending.defer(async () => {
    stopServer.abort();
    await server.done;
  });
  const serverLost = new AbortController();
  void server.done.then(() => serverLost.abort());
  await server.ready;
  log('the queue is ready');
  const end = await keepWorker(options, AbortSignal.any([options.signal, serverLost.signal]), (lock) => {
    idleLock = lock;
  });
  if (end === 'stopped' && serverLost.signal.aborted && !options.signal.aborted) {
    await writeFailure(layout, `the queue's server does not stay up; see ${embeddedFiles(layout).log}`);
    return 'gave-up';
  }
  return end;
}

/**
 * Runs the worker again and again. `holdIdle` gets the lock that keeps submits out between the decision to
 * end and the end itself.
 */
async function keepWorker(
  options: SuperviseOptions,
  signal: AbortSignal,
  holdIdle: (lock: HeldLock) => void,
): Promise<Exclude<SuperviseEnd, 'lost'>> {
  let history: RestartHistory = noRestarts;
  while (!signal.aborted) {
    const startedAt = Date.now();
    const end = await runWorkerOnce(options, signal);
    if (end === undefined) return 'stopped';
    if (end.code === 0) {
      const idle = await decideIdle(options);
      if (idle === undefined) {
        await pause(busyPauseMs, signal);
        continue;
      }
      holdIdle(idle);
      return 'idle';
    }
    const decision = decideRestart(history, end, Date.now() - startedAt);
    options.log(`the worker ended with ${describeEnd(end)}; ${decision.action}`);
    if (decision.action === 'give-up') {
      const { log } = embeddedFiles(options.layout);
      await writeFailure(options.layout, `the worker does not start (${describeEnd(end)}); see ${log}`);
      return 'gave-up';
    }
    history = decision.history;
    await pause(decision.delayMs, signal);
  }
  return 'stopped';
}

/** One life of the worker: its end, or undefined after it was ended because `signal` aborted. */
async function runWorkerOnce(options: SuperviseOptions, signal: AbortSignal): Promise<ChildEnd | undefined> {
  const child = await startOwned(options.worker, 'KILL');
  options.log(`worker ${child.pid} started`);
  const wellAfter = setTimeout(() => {
    clearFailure(options.layout).catch((error) => options.log(String(error)));
  }, 3_000);
  try {
    const end = await endOrAbort(child, signal);
    if (end !== undefined) return end;
    options.log(`ending worker ${child.pid}`);
    await endChild(child, options.workerGraceMs);
    return undefined;
  } finally {
    clearTimeout(wellAfter);
  }
}

/** The exclusive submit lock when there is nothing to do, so that nothing can be submitted any more. */
async function decideIdle(options: SuperviseOptions): Promise<HeldLock | undefined> {
  const lock = await takeFlock(embeddedFiles(options.layout).submitLock, 'exclusive', submitWaitMs);
  if (lock === undefined) return undefined;
  try {
    if (!(await options.hasWork())) return lock;
  } catch (error) {
    options.log(`cannot ask the queue whether it is idle: ${String(error)}`);
  }
  await lock.release();
  return undefined;
}
