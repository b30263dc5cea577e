import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerStop } from '../../src/contracts/container-stop.ts';
import { imageOf, layerOfFiles, randomFiles } from '../helpers/fault-images.ts';
import {
  bareImport,
  descendants,
  type FaultStage,
  faultsMissing,
  openFaultStage,
} from '../helpers/fault-stage.ts';
import { waitFor } from '../helpers/wait-for.ts';

const skip = (await faultsMissing()) ?? false;

/** Milliseconds until each of a few stops of a container, submitted one after the other, began. */
async function stopDelays({ client }: FaultStage): Promise<number[]> {
  const input = containerStop.input.parse({ name: 'no-such' });
  const delays: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    const { id } = await client.submit('container.stop', input);
    const { submittedAt, startedAt = Number.POSITIVE_INFINITY } = await client.wait(id);
    delays.push(startedAt - submittedAt);
  }
  return delays;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.POSITIVE_INFINITY;
}

test('200 imports at work keep no stop waiting, hold a process only while they have a slot, share one download and say so', {
  skip,
}, async (t) => {
  await using stage = await openFaultStage({ config: 'slots_network = 2\nslots_disk = 2' });
  const { client, gate } = stage;
  const alone = await stopDelays(stage);
  const image = imageOf([await layerOfFiles(randomFiles('many', 400, 500))]);
  const digest = image.layers[0]?.digest ?? '';
  const source = await stage.push('app', image);
  gate.hold({ path: new RegExp(digest), afterBytes: 0 });
  const { id } = await client.batch.submit(
    Array.from({ length: 200 }, (_, i) => ({ kind: 'fs.import', input: bareImport(source, `tree-${i}`) })),
  );
  const joined = await waitFor(
    'a second import to join the download',
    async () => {
      const records = await client.list({ batch: id, states: ['running'] });
      const notes = records.flatMap(({ progress }) => progress.items.map(({ note }) => note ?? ''));
      return notes.find((note) => note.startsWith('joined the download of job '));
    },
    60_000,
  );
  t.diagnostic(joined);
  assert.equal(gate.gets(digest).length, 1);
  gate.open();
  await waitFor(
    'imports to have been unpacked',
    async () => (await client.batch.status(id)).states.succeeded > 0,
    60_000,
  );

  // Those that wait for a slot keep no process.
  const children = descendants(await stage.pid('worker')).length;
  assert.ok(children <= 4, `${children} children`);

  const delays = await stopDelays(stage);
  const { states } = await client.batch.status(id);
  t.diagnostic(
    `began after ${delays.join(', ')} ms, alone after ${alone.join(', ')} ms; ${JSON.stringify(states)}`,
  );
  assert.ok(
    (states.queued ?? 0) + (states.waiting ?? 0) + (states.running ?? 0) > 50,
    'imports are still at work',
  );
  // That none takes longer is held by test/redis/faults.test.ts, where the imports do not take the machine's time.
  assert.ok(median(delays) < 100 + median(alone), `began after ${delays.join(', ')} ms`);
  await client.batch.cancel(id);
  await waitFor(
    'the end of all imports',
    async () => {
      const now = (await client.batch.status(id)).states;
      return now.succeeded + now.cancelled === 200;
    },
    60_000,
  );
  assert.deepEqual(await stage.leftovers(), []);
});
