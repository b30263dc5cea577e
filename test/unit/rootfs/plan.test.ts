import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usualUnpackFactor } from '../../../src/rootfs/disk-space.ts';
import { type PlannedSource, sumPlan } from '../../../src/rootfs/plan/sum.ts';

const source = (name: string, over: Partial<PlannedSource>): PlannedSource => ({
  source: `docker.io/x/${name}`,
  name,
  pieces: [],
  localBytes: 0,
  compressed: true,
  ...over,
});
const piece = (id: string, size: number, here = false) => ({ id, size, here, kept: true });
const cacheSize = 1_000;

test('a layer that several images want is fetched once, one in the cache not at all', () => {
  const plan = sumPlan(
    [
      source('a', { pieces: [piece('base', 100), piece('a', 10)] }),
      source('b', { pieces: [piece('base', 100), piece('b', 20)] }),
      source('c', { pieces: [piece('old', 50, true)] }),
    ],
    10_000,
    cacheSize,
  );
  assert.equal(plan.bytesToFetch, 130);
  assert.equal(plan.bytesShared, 100);
  assert.equal(plan.bytesCached, 50);
  assert.equal(plan.diskNeeded, 280 * usualUnpackFactor + 130);
  assert.ok(plan.fits);
});

test('what no cache keeps is fetched by each import anew, and takes no room in the cache', () => {
  const pieces = [{ ...piece('x', 100), kept: false }];
  const plan = sumPlan([source('a', { pieces }), source('b', { pieces })], 10_000, cacheSize);
  assert.deepEqual([plan.bytesToFetch, plan.bytesShared], [200, 0]);
  assert.equal(plan.diskNeeded, 200 * usualUnpackFactor);
});

test('every rootfs is a tree of its own on disk, and the cache takes no more than its limit', () => {
  const twice = [source('a', { pieces: [piece('x', 100)] }), source('b', { pieces: [piece('x', 100)] })];
  assert.equal(sumPlan(twice, 0, 30).diskNeeded, 200 * usualUnpackFactor + 30);
  assert.equal(sumPlan(twice, 0, cacheSize).diskNeeded, 200 * usualUnpackFactor + 100);
  assert.ok(!sumPlan(twice, 0, cacheSize).fits);
});

test('a plain tarball needs its own size, a compressed one more', () => {
  const plain = source('a', { localBytes: 100, compressed: false });
  assert.equal(sumPlan([plain], 1000, cacheSize).diskNeeded, 100);
  const packed = source('a', { localBytes: 100 });
  assert.equal(sumPlan([packed], 1000, cacheSize).diskNeeded, 100 * usualUnpackFactor);
});
