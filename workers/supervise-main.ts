import { describeError } from '../src/base/errors.ts';
import { layoutFor, loadSettings } from '../src/config/load.ts';
import { embeddedFiles, trimLog } from '../src/queue/embedded-files.ts';
import { countLiveJobs } from '../src/queue/embedded-work.ts';
import { localHostId } from '../src/queue/local-host.ts';
import { workerStopMs } from '../src/queue/stop-times.ts';
import { supervise } from './supervise-run.ts';

const trimEveryMs = 5 * 60_000;

const log = (message: string): void => console.log(`${new Date().toISOString()} supervisor: ${message}`);

/**
 * The life of a supervisor process whose worker is the program of `workerFile`. Settings come from the
 * environment, which the producer chose variable by variable (localEnvironment) and which is the worker's too.
 * Returns the exit code.
 */
export async function superviseMain(workerFile: string): Promise<number> {
  try {
    const settings = await loadSettings(undefined, process.env);
    const layout = layoutFor(settings);
    const host = await localHostId(settings);
    const stop = new AbortController();
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort());
    // A host that is never idle keeps its supervisor, and its log, for ever.
    const trimming = setInterval(() => {
      trimLog(embeddedFiles(layout).log).catch((error) => log(describeError(error)));
    }, trimEveryMs).unref();
    const end = await supervise({
      layout,
      worker: { program: process.execPath, args: [workerFile], env: definedOnly(process.env) },
      workerGraceMs: workerStopMs(settings.shutdown_grace),
      hasWork: async () => (await countLiveJobs(layout.queueSocket, host)) > 0,
      signal: stop.signal,
      log,
    });
    clearInterval(trimming);
    log(`ended: ${end}`);
    return end === 'gave-up' ? 1 : 0;
  } catch (error) {
    log(describeError(error));
    return 1;
  }
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(entries);
}
