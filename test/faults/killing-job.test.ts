import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { hostPing } from '../../src/contracts/host-ping.ts';
import type { LocalPrograms } from '../../src/producer/index.ts';
import { imageOf, layerOfFiles, randomFiles } from '../helpers/fault-images.ts';
import { countFiles, faultsMissing, openFaultStage } from '../helpers/fault-stage.ts';
import { processLives, waitFor } from '../helpers/wait-for.ts';

const skip = (await faultsMissing()) ?? false;
const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);
const programs: LocalPrograms = {
  supervisor: [process.execPath, fixture('local-supervisor.ts')],
  worker: [process.execPath, fixture('local-worker.ts')],
};

test('a job that kills its worker fails after its limit of crashes; imports beside it and jobs behind it succeed', {
  skip,
}, async (t) => {
  await using stage = await openFaultStage({ programs });
  const image = imageOf([await layerOfFiles(randomFiles('data', 8, 1024 * 1024))]);
  const source = await stage.push('app', image);
  stage.gate.hold({ path: new RegExp(image.layers[0]?.digest ?? ''), afterBytes: 0 });
  const beside = [await stage.import(source, 'one'), await stage.import(source, 'two')];
  await waitFor('both to run', async () => {
    const records = await Promise.all(beside.map((id) => stage.client.show(id)));
    return records.every(({ state, progress }) => state === 'running' && progress.step === 'download');
  });
  const began = Date.now();
  const worker = await stage.pid('worker');
  const { id: killer } = await stage.client.submit('host.ping', { payload: 'kill' });
  const { id: control } = await stage.client.submit('host.ping', {});
  const behind = await stage.import(source, 'three');
  // Those that were running when the worker died have their turn one after the other, whoever comes first.
  await waitFor('the first death', async () => !(await processLives(worker)));
  stage.gate.open();
  const dead = await stage.client.wait(killer, { signal: AbortSignal.timeout(60_000) });
  t.diagnostic(`given up ${Date.now() - began} ms after it was submitted`);
  assert.deepEqual(
    [dead.state, dead.error?.code, dead.crashes],
    ['failed', 'job.crashed', hostPing.maxCrashes],
  );
  assert.match(
    dead.error?.message ?? '',
    /died 3 times while it ran this host\.ping job; it is not run again/,
  );
  assert.equal((await stage.client.wait(control)).state, 'succeeded');
  for (const id of [...beside, behind]) await stage.success(id);
  for (const name of ['one', 'two', 'three']) {
    assert.equal(await countFiles(stage.local.layout.rootfsDir(name)), 8);
  }
  assert.deepEqual(await stage.leftovers(), []);
});
