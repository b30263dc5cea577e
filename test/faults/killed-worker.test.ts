import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { splitDigest } from '../../src/base/digests.ts';
import { imageOf, layerOfFiles, randomFiles } from '../helpers/fault-images.ts';
import {
  countFiles,
  descendants,
  type FaultStage,
  faultsMissing,
  openFaultStage,
  stagingOf,
} from '../helpers/fault-stage.ts';
import type { TestImage } from '../helpers/oci-image.ts';
import { processLives, waitFor } from '../helpers/wait-for.ts';

const skip = (await faultsMissing()) ?? false;

/** Kills the worker as it is, waits until its children are gone, and until the job runs again in another one. */
async function killWorker(t: TestContext, stage: FaultStage, id: string): Promise<void> {
  const worker = await stage.pid('worker');
  const children = descendants(worker);
  assert.ok(children.length > 0, 'the import has children');
  process.kill(worker, 'SIGKILL');
  const killedAt = Date.now();
  await waitFor(
    'the end of its children',
    async () => (await Promise.all(children.map(processLives))).every((lives) => !lives),
    2_000,
  );
  const again = await waitFor('the second run', async () => {
    const record = await stage.client.show(id);
    return record.crashes === 1 && record;
  });
  const ms = Date.now() - killedAt;
  t.diagnostic(`ran again ${ms} ms after the kill`);
  assert.ok(ms < 15_000);
  assert.equal(again.state, 'running');
  assert.notEqual(await stage.pid('worker'), worker);
}

/** The job's end: one whole rootfs, the counts of its record, and a cache whose blobs are what they are called. */
async function checkEnd(stage: FaultStage, id: string, image: TestImage, files: number): Promise<void> {
  const { record, result } = await stage.success(id);
  assert.deepEqual([record.crashes, record.attempt], [1, 1]);
  assert.deepEqual(await stage.store(), ['.tree.env', '.tree.meta', 'tree']);
  assert.equal(result.entries, files);
  assert.equal(await countFiles(stage.local.layout.rootfsDir('tree')), files);
  assert.deepEqual(await stage.leftovers(), []);
  const blobs = join(stage.local.layout.blobCacheDir, 'sha256');
  const names = (await readdir(blobs)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  for (const name of names) {
    const digest = createHash('sha256')
      .update(await readFile(join(blobs, name)))
      .digest('hex');
    assert.equal(digest, name);
  }
  for (const { digest } of image.layers) assert.ok(names.includes(splitDigest(digest).hex));
  assert.deepEqual(
    (await readdir(blobs)).filter((name) => name.includes('.part')),
    [],
  );
}

test('an import whose worker is killed in the middle of a download goes on where it was, and is whole', {
  skip,
}, async (t) => {
  await using stage = await openFaultStage();
  const image = imageOf([await layerOfFiles(randomFiles('data', 24, 1024 * 1024))]);
  const [layer] = image.layers;
  assert.ok(layer !== undefined);
  const source = await stage.push('app', image);
  stage.gate.hold({ path: /\/blobs\//, afterBytes: 1024 * 1024, pace: 1024 * 1024 });
  const id = await stage.import(source, 'tree');
  await waitFor('a part of the layer', async () => {
    const { progress } = await stage.client.show(id);
    return progress.step === 'download' && progress.items.some(({ done }) => done > 512 * 1024);
  });
  await killWorker(t, stage, id);
  stage.gate.open();
  await checkEnd(stage, id, image, 24);
  const [first, ...others] = stage.gate.gets(layer.digest);
  assert.equal(first?.range, undefined);
  assert.ok(
    others.every(({ range }) => range !== undefined),
    'the second run asked for the rest only',
  );
});

test('an import whose worker is killed in the middle of unpacking runs again, and is whole', {
  skip,
}, async (t) => {
  await using stage = await openFaultStage();
  const many = await layerOfFiles(randomFiles('many', 8_000, 500));
  const image = imageOf([many, await layerOfFiles(randomFiles('data', 8, 1024 * 1024))]);
  const id = await stage.import(await stage.push('app', image), 'tree');
  await waitFor('some entries', async () => {
    const tree = await stagingOf(stage, 'tree');
    return tree !== undefined && (await readdir(join(tree, 'many')).catch(() => [])).length > 200;
  });
  await killWorker(t, stage, id);
  await checkEnd(stage, id, image, 8_008);
});
