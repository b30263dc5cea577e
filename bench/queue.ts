import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Queue, Worker } from 'bullmq';
import pino from 'pino';
import { layoutOf } from '../src/base/paths.ts';
import { parseSettings } from '../src/config/load.ts';
import { hostPing } from '../src/contracts/host-ping.ts';
import { newJobBody } from '../src/queue/envelope.ts';
import { type Engine, startEngine } from '../test/helpers/job-engine.ts';
import { memoryJournal } from '../workers/journal/journal.ts';
import { openJournal } from '../workers/journal/open.ts';
import { bindKind } from '../workers/kinds.ts';
import { startWorker } from '../workers/worker.ts';
import { median } from './measure.ts';

/**
 * What the queue costs: empty jobs through one worker in this process, beside bare BullMQ with the same Redis
 * (private, `appendfsync always`), the same concurrency and the same number of jobs, turn by turn in one run. All
 * jobs are submitted first; the time is that of the worker. `journal` says what the host's record of jobs adds:
 * kept in memory, on disk without waiting for it, and as it is in use.
 */

const jobs = Number(process.env.SDME_BENCH_JOBS ?? '5000');
const turns = Number(process.env.SDME_BENCH_RUNS ?? '5');
const concurrency = 64;

/** Jobs a second of BullMQ alone. */
async function bareBullmq(engine: Engine, turn: number): Promise<number> {
  const name = `bare-${turn}`;
  const queue = new Queue(name, { connection: engine.connection.commands });
  const job = (index: number) => ({
    name: 'ping',
    data: { payload: 'y' },
    opts: { jobId: `b-${index}`, removeOnComplete: true },
  });
  for (let from = 0; from < jobs; from += 1000) {
    await queue.addBulk(Array.from({ length: Math.min(1000, jobs - from) }, (_, index) => job(from + index)));
  }
  await queue.close();
  const connection = engine.connection.commands.duplicate();
  const began = performance.now();
  const all = Promise.withResolvers<void>();
  let done = 0;
  const worker = new Worker(name, async () => null, { connection, concurrency });
  worker.on('completed', () => {
    done += 1;
    if (done === jobs) all.resolve();
  });
  await all.promise;
  const seconds = (performance.now() - began) / 1000;
  await worker.close();
  connection.disconnect();
  return jobs / seconds;
}

type JournalMode = 'memory' | 'OFF' | 'FULL';

/** Jobs a second through our worker, with envelopes, records and locks, and the journal of that mode. */
async function ourWorker(engine: Engine, mode: JournalMode, turn: number): Promise<number> {
  const host = `h-${mode.toLowerCase()}-${turn}`;
  const directory = join(engine.dir, host);
  await mkdir(directory, { recursive: true });
  const layout = layoutOf(directory, directory);
  for (let from = 0; from < jobs; from += 1000) {
    await engine.submitter.submit(
      Array.from({ length: Math.min(1000, jobs - from) }, () => ({
        body: newJobBody(hostPing, { payload: 'y' }, { host }),
        subject: '-',
        attempts: 1,
      })),
    );
  }
  const broken = (error: Error): void => {
    throw error;
  };
  await using journal =
    mode === 'memory'
      ? memoryJournal()
      : await openJournal({
          path: layout.journalFile,
          runtimeDir: directory,
          synchronous: mode,
          onBroken: broken,
        });
  const ping = bindKind(hostPing, async () => ({ host, at: Date.now() }), {});
  const began = performance.now();
  const worker = await startWorker({
    target: { socket: engine.redis.socket },
    facts: { settings: parseSettings({}, 'the defaults'), layout, host },
    kinds: new Map([['host.ping', ping]]),
    journal,
    log: pino({ level: 'silent' }),
    concurrency: { control: concurrency, bulk: 1 },
  });
  while ((await engine.records.count(host, ['succeeded'])) < jobs) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const seconds = (performance.now() - began) / 1000;
  await worker.stop({ graceMs: 5000, undoMs: 0, farewellMs: 1000 });
  return jobs / seconds;
}

await using engine = await startEngine();
const contenders: readonly { readonly name: string; readonly once: (turn: number) => Promise<number> }[] = [
  { name: 'bare BullMQ', once: (turn) => bareBullmq(engine, turn) },
  { name: 'sdme worker, journal in memory', once: (turn) => ourWorker(engine, 'memory', turn) },
  { name: 'sdme worker, journal not synced', once: (turn) => ourWorker(engine, 'OFF', turn) },
  { name: 'sdme worker, journal synced', once: (turn) => ourWorker(engine, 'FULL', turn) },
];
const rates = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
// The first turn warms the code up and is not counted.
for (let turn = 0; turn <= turns; turn += 1) {
  for (const { name, once } of contenders) {
    const rate = await once(turn);
    if (turn > 0) rates.get(name)?.push(rate);
  }
}
console.log(`\n${jobs} empty jobs, ${concurrency} at once, appendfsync always, median of ${turns} turns`);
const bare = median(rates.get('bare BullMQ') ?? []);
for (const [name, measured] of rates) {
  const rate = median(measured);
  const spread = `${Math.min(...measured).toFixed(0)}-${Math.max(...measured).toFixed(0)}`;
  console.log(
    `  ${name.padEnd(32)} ${rate.toFixed(0).padStart(6)} jobs/s (${spread})  ${(rate / bare).toFixed(2)} of bare BullMQ`,
  );
}
