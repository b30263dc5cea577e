import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageOf, layerOfFiles, randomFiles, shellLayer } from '../helpers/fault-images.ts';
import { countFiles, descendants, faultsMissing, openFaultStage } from '../helpers/fault-stage.ts';
import { processLives, waitFor } from '../helpers/wait-for.ts';

const skip = (await faultsMissing()) ?? false;

test('imports that are running when the worker gets SIGTERM finish within its grace or are handed back', {
  skip,
}, async (t) => {
  const config = `shutdown_grace = 2
[distros.debian]
import_prehook = ["echo at work; sleep 300; true"]`;
  await using stage = await openFaultStage({ config });
  const image = imageOf([await layerOfFiles(randomFiles('data', 4, 1024 * 1024))]);
  const layer = image.layers[0]?.digest ?? '';
  const [source, shell] = [
    await stage.push('app', image),
    await stage.push('shell', imageOf([await shellLayer()])),
  ];
  // One whose command runs for minutes, and one whose download ends within the grace.
  stage.gate.hold({ path: new RegExp(layer), afterBytes: 512 * 1024 });
  const long = await stage.import(shell, 'long', { installPackages: 'yes' });
  await waitFor('the command', async () => (await stage.client.show(long)).logLines > 0, 30_000);
  const short = await stage.import(source, 'short');
  await waitFor('the download', () => stage.gate.held() > 0);
  const worker = await stage.pid('worker');
  const children = descendants(worker);
  process.kill(worker, 'SIGTERM');
  const stoppedAt = Date.now();
  stage.gate.open();
  assert.deepEqual((await stage.success(short)).record.crashes, 0);
  await waitFor('the end of the worker', async () => !(await processLives(worker)));
  t.diagnostic(`ended ${Date.now() - stoppedAt} ms after SIGTERM`);
  for (const child of children) assert.equal(await processLives(child), false);
  assert.equal(await countFiles(stage.local.layout.rootfsDir('short')), 4);

  // What was handed back runs again in the next worker, and its work was undone by the one before.
  const again = await waitFor('the second run', async () => {
    const record = await stage.client.show(long);
    return record.state === 'running' && record.logLines > 1 && record;
  });
  assert.deepEqual([again.attempt, again.crashes], [1, 0]);
  assert.notEqual(await stage.pid('worker'), worker);
  assert.equal((await stage.store()).filter((name) => name.startsWith('.long.import-txn-')).length, 1);
  await stage.client.cancel(long);
  assert.equal((await stage.client.wait(long)).state, 'cancelled');
  assert.deepEqual(await stage.leftovers(), []);
});
