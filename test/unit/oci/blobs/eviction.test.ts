import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Digest, parseDigest } from '../../../../src/base/digests.ts';
import type { CachedFile } from '../../../../src/oci/blobs/cache-files.ts';
import { partialKeepMs, whatToEvict } from '../../../../src/oci/blobs/eviction.ts';
import { formatUseIndex, parseUseIndex } from '../../../../src/oci/blobs/use-index.ts';

const digestAt = (n: number): Digest => parseDigest(`sha256:${n.toString(16).padStart(64, '0')}`);
const blob = (n: number, size: number): CachedFile => ({
  digest: digestAt(n),
  path: `/c/${n}`,
  size,
  changedAt: n * 1000,
});

test('after eviction the cache fits, no pinned blob went, and none that was used later than one that stayed', () => {
  const entry = fc.record({ size: fc.nat(1000), used: fc.option(fc.nat(1_000_000)), pinned: fc.boolean() });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), fc.nat(10_000), (entries, maxSize) => {
      const blobs = entries.map(({ size }, n) => blob(n, size));
      const uses = new Map(
        entries.flatMap(({ used }, n) => (used === null ? [] : [[digestAt(n), used] as const])),
      );
      const pinned = new Set(entries.flatMap(({ pinned }, n) => (pinned ? [digestAt(n)] : [])));
      const gone = whatToEvict({ blobs, partials: [], uses, pinned, maxSize, now: 0 }).blobs;
      const left = blobs.filter((one) => !gone.includes(one));
      const use = (one: CachedFile): number => uses.get(one.digest) ?? one.changedAt;
      assert.ok(gone.every(({ digest }) => !pinned.has(digest)));
      const loose = left.filter(({ digest }) => !pinned.has(digest));
      const size = left.reduce((sum, one) => sum + one.size, 0);
      assert.ok(size <= maxSize || loose.length === 0);
      for (const one of gone) for (const other of loose) assert.ok(use(one) <= use(other));
    }),
  );
});

test('unfinished downloads go when they are old and nobody writes them', () => {
  const now = partialKeepMs * 10;
  const partial = (path: string, age: number, owner?: string) => ({
    path,
    size: 1,
    changedAt: now - age,
    owner,
  });
  const partials = [
    partial('old', partialKeepMs + 1),
    partial('new', 5),
    partial('owned', partialKeepMs * 2, '1.2'),
  ];
  const state = { blobs: [], partials, uses: new Map(), pinned: new Set<Digest>(), maxSize: 10, now };
  assert.deepEqual(
    whatToEvict(state).partials.map(({ path }) => path),
    ['old'],
  );
  const off = whatToEvict({ ...state, maxSize: 0 });
  assert.deepEqual(
    off.partials.map(({ path }) => path),
    ['old', 'new'],
  );
});

test('the index is read back as it was written, and damaged lines are passed over', () => {
  const blobs = [blob(1, 10), blob(2, 20)];
  const text = formatUseIndex(blobs, new Map([[digestAt(2), 77_000]]));
  assert.equal(text, `${digestAt(1)}=10,1\n${digestAt(2)}=20,77\n`);
  assert.deepEqual(
    [...parseUseIndex(text)],
    [
      [digestAt(1), 1000],
      [digestAt(2), 77_000],
    ],
  );
  assert.equal(parseUseIndex(`x\nsha256:zz=1,2\n${digestAt(1)}=1\n\0`).size, 0);
});
