import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../../src/base/errors.ts';
import { checkSpace, leastUnpackFactor } from '../../../src/rootfs/disk-space.ts';

test('what cannot fit is refused before anything is written, with both figures', () => {
  assert.throws(
    () => checkSpace('/srv', { bytes: 1024 ** 2, inodes: 10 }, { bytes: 3 * 1024 ** 2, inodes: 0 }),
    (error) =>
      error instanceof SdmeError &&
      error.code === 'disk.full' &&
      error.message.includes('1M free, and about 3M are needed') &&
      error.facts.needed === 3 * 1024 ** 2,
  );
});

test('too few inodes are a full disk too, but a disk that makes them as needed has enough', () => {
  const need = { bytes: 0, inodes: 11 };
  assert.throws(() => checkSpace('/srv', { bytes: 1, inodes: 10 }, need), /10 inodes free/);
  checkSpace('/srv', { bytes: 1, inodes: undefined }, need);
});

test('the estimate never stops what may fit: layers that do not shrink need their own size', () => {
  checkSpace('/srv', { bytes: 200, inodes: undefined }, { bytes: 200 * leastUnpackFactor, inodes: 1 });
});
