import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageOf, layerOfFiles } from '../helpers/fault-images.ts';
import { countFiles, faultsMissing, openFaultStage } from '../helpers/fault-stage.ts';

const skip = (await faultsMissing()) ?? false;
const mebibyte = 1024 * 1024;

test('an import that fills the disk, which the queue is on too, says so and leaves nothing; no job beside it is lost', {
  skip,
}, async (t) => {
  await using stage = await openFaultStage({ disk: '24m' });
  // Text compresses so well that the check before the start cannot know.
  const big = imageOf([await layerOfFiles({ big: Buffer.alloc(64 * mebibyte, 'text ') })]);
  const small = imageOf([await layerOfFiles({ 'etc/os-release': 'ID=debian\n', small: 'x' })]);
  const bigSource = await stage.push('big', big);
  const smallSource = await stage.push('small', small);
  const id = await stage.import(bigSource, 'big');
  const beside = [await stage.import(smallSource, 'one')];
  for (let i = 0; i < 20; i += 1) beside.push((await stage.client.submit('host.ping', {})).id);
  const began = Date.now();
  const full = await stage.client.wait(id, { signal: AbortSignal.timeout(60_000) });
  t.diagnostic(`failed ${Date.now() - began} ms after the last submit`);
  assert.deepEqual([full.state, full.error?.code, full.crashes], ['failed', 'disk.full', 0]);
  for (const job of beside) {
    const { state, error } = await stage.client.wait(job, { signal: AbortSignal.timeout(30_000) });
    assert.deepEqual([state, error], ['succeeded', undefined]);
  }
  assert.deepEqual(await stage.store(), ['.one.env', '.one.meta', 'one']);
  assert.deepEqual(await stage.leftovers(), []);
  await stage.success(await stage.import(smallSource, 'big'));
  assert.equal(await countFiles(stage.local.layout.rootfsDir('big')), 2);
});
