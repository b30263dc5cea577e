import { parseArgs } from 'node:util';
import pino from 'pino';
import { handlers } from '../jobs/index.ts';
import { describeError } from '../src/base/errors.ts';
import { layoutFor, loadSettings } from '../src/config/load.ts';
import type { Settings } from '../src/config/schema.ts';
import { openImages } from '../src/oci/index.ts';
import { localHostId } from '../src/queue/local-host.ts';
import { bindKinds } from './kinds.ts';
import { type EndReason, runWorkerProcess, type WorkerEnd } from './process.ts';
import { onStopSignals } from './stop-signals.ts';

/** What each end says to whoever started the worker; 0 means that nothing is left to do. */
const exitCodes: Readonly<Record<EndReason, number>> = {
  idle: 0,
  stopped: 0,
  forced: 1,
  taken: 3,
  broken: 4,
};

/** `node workers/main.ts [--config FILE] [--if-running wait|exit]`: the worker of this host, until SIGTERM. */
async function main(): Promise<WorkerEnd> {
  const { values } = parseArgs({
    options: { config: { type: 'string' }, 'if-running': { type: 'string', default: 'wait' } },
  });
  const { stop, stopNow } = onStopSignals();
  const readSettings = (): Promise<Settings> => loadSettings(values.config, process.env);
  const settings = await readSettings();
  const layout = layoutFor(settings);
  const images = openImages({ settings, cacheDir: layout.blobCacheDir, environment: process.env });
  using closing = new DisposableStack();
  closing.defer(() => images.close());
  const facts = { settings, layout, host: await localHostId(settings) };
  return await runWorkerProcess({
    facts,
    kinds: bindKinds(handlers, { ...facts, images }, readSettings),
    log: pino({ name: 'sdme-worker' }, pino.destination({ dest: 2, sync: true })),
    ifRunning: values['if-running'] === 'exit' ? 'exit' : 'wait',
    stop,
    stopNow,
  });
}

try {
  const end = await main();
  // What a forced end left running must not keep the process; the submit lock ends with it, not before.
  process.exit(exitCodes[end.reason]);
} catch (error) {
  console.error(`sdme worker: ${describeError(error)}`);
  process.exit(1);
}
