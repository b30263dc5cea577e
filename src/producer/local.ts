import { join } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { layoutFor } from '../config/load.ts';
import type { Settings } from '../config/schema.ts';
import { findServerProgram, prepareEmbeddedDirectories } from '../queue/embedded.ts';
import { clearFailure, embeddedFiles, readFailure } from '../queue/embedded-files.ts';
import { probeEmbedded, waitEmbedded } from '../queue/embedded-probe.ts';
import { embeddedUnitNames, embeddedUnits } from '../queue/embedded-units.ts';
import { workerStopMs } from '../queue/stop-times.ts';
import { type HeldLock, takeFlock } from '../system/exec/flock.ts';
import { localEnvironment } from './local-environment.ts';
import { startSupervisor } from './local-processes.ts';
import { startUnits, systemdAnswers, systemdRuns, unitActive, unitFailed } from './local-units.ts';

/** The programs of the local queue, by path: this room does not import what runs as another process. */
export interface LocalPrograms {
  readonly supervisor: readonly string[];
  readonly worker: readonly string[];
}

const workersDir = join(import.meta.dirname, '../../workers');

/** The programs of this checkout, run by the Node.js that runs us. */
export const localPrograms: LocalPrograms = Object.freeze({
  supervisor: [process.execPath, join(workersDir, 'supervise.ts')],
  worker: [process.execPath, join(workersDir, 'main.ts')],
});

/** What {@link ensureLocal} needs to know. */
export interface LocalOptions {
  readonly settings: Settings;
  /** The file the settings came from, when it was not the default one. */
  readonly configFile: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly programs: LocalPrograms;
}

/** How long an ending queue may take before a new one can start. */
const endingLimitMs = 60_000;
/** How long a starting queue may be silent; reading its append-only file does not count. */
const startLimitMs = 15_000;

/**
 * Makes sure that the embedded queue and the local worker run, and keeps them from ending for want of work
 * until the returned lock is released. When both are up already this takes a few milliseconds.
 *
 * @throws SdmeError `queue.unavailable`, `worker.unavailable` with the reason, `system.unsupported`
 */
export async function ensureLocal(options: LocalOptions, signal?: AbortSignal): Promise<HeldLock> {
  const layout = layoutFor(options.settings);
  await prepareEmbeddedDirectories(layout);
  const lock = await takeFlock(embeddedFiles(layout).submitLock, 'shared', endingLimitMs);
  if (lock === undefined) {
    throw new SdmeError('queue.unavailable', 'the embedded queue is ending and does not come to its end');
  }
  try {
    await start(layout, options, signal);
    return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function start(layout: Layout, options: LocalOptions, signal: AbortSignal | undefined): Promise<void> {
  const units = await systemdRuns();
  const answer = await probeEmbedded(layout.queueSocket);
  const up = answer !== 'none' && (await workerIsKept(layout, units));
  if (up && answer === 'ready') return;
  if (!up) await startAll(layout, options, units);
  try {
    await waitEmbedded(layout.queueSocket, { timeoutMs: startLimitMs, ...(signal && { signal }) });
  } catch (error) {
    const reason = await readFailure(layout);
    if (reason === undefined) throw error;
    throw new SdmeError('queue.unavailable', reason, { cause: error });
  }
}

/**
 * An answering server is enough where a supervisor runs it: it dies with its supervisor, and the supervisor
 * keeps the worker. Units are two, so the worker's is asked for too.
 */
async function workerIsKept(layout: Layout, units: boolean): Promise<boolean> {
  return !units || (await unitActive(embeddedUnitNames(layout).worker).catch(() => true));
}

async function startAll(layout: Layout, options: LocalOptions, units: boolean): Promise<void> {
  const { settings, configFile, programs } = options;
  await clearFailure(layout);
  const environment = localEnvironment(settings, configFile, options.environment);
  const server = await findServerProgram();
  if (units && (await systemdAnswers())) {
    const stopSeconds = workerStopMs(settings.shutdown_grace) / 1_000;
    await startUnits(embeddedUnits({ layout, server, worker: programs.worker, environment, stopSeconds }));
  } else {
    await startSupervisor(layout, programs.supervisor, environment);
  }
}

/**
 * Why the local worker does not run although it was asked for, or undefined. Who waits for a job asks this
 * before starting everything again; a new request clears it.
 */
export async function localFailure(settings: Settings): Promise<string | undefined> {
  const layout = layoutFor(settings);
  const reason = await readFailure(layout);
  if (reason !== undefined || !(await systemdRuns())) return reason;
  const { worker } = embeddedUnitNames(layout);
  return (await unitFailed(worker)) ? `the worker does not start; see journalctl -u ${worker}` : undefined;
}
