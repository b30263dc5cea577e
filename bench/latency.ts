import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSettings } from '../src/config/load.ts';
import { createClient } from '../src/producer/index.ts';
import { stopLocalQueue } from './local-queue.ts';
import { median } from './measure.ts';

/** From submitting an empty job to its checked result, through the client, the embedded queue and a worker process. */
const runs = 200;
const directory = await mkdtemp('/dev/shm/sdme-bench-');
const settings = parseSettings(
  { datadir: join(directory, 'data'), rundir: join(directory, 'run') },
  'the bench',
);
const client = await createClient(settings);
try {
  const began = performance.now();
  await client.result('host.ping', (await client.submit('host.ping', {})).id);
  const first = performance.now() - began;
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const from = performance.now();
    const { id } = await client.submit('host.ping', {});
    await client.result('host.ping', id);
    times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  console.log(`\nsubmit to result of an empty job, ${runs} one after another`);
  console.log(
    `  median ${median(times).toFixed(1)} ms, 99th percentile ${times[Math.floor(runs * 0.99)]?.toFixed(1)} ms`,
  );
  console.log(`  the first, with queue and worker to be started: ${first.toFixed(0)} ms`);
} finally {
  await client.close();
  await stopLocalQueue(settings.rundir);
  await rm(directory, { recursive: true, force: true });
}
