import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SdmeError } from '../../../../src/base/errors.ts';
import { type EntryPath, layerPath, plainPath } from '../../../../src/rootfs/unpack/entry-path.ts';

/** A path as text: paths without their NUL, in latin1. */
function told(path: EntryPath): string {
  const text = (bytes: Buffer): string => bytes.toString('latin1').replace(/\0$/, '$');
  switch (path.kind) {
    case 'root':
    case 'skipped':
      return path.kind;
    case 'node':
      return `node ${text(path.path)}`;
    case 'whiteout':
      return `whiteout ${text(path.parent)} ${text(path.name)}`;
    case 'opaque':
      return `opaque ${text(path.parent)}`;
  }
}

const read: readonly [string, string][] = [
  ['a/b', 'node a/b$'],
  ['/a//./b/', 'node a/b$'],
  ['.', 'root'],
  ['///', 'root'],
  ['..a/b..', 'node ..a/b..$'],
  ['a/.wh.b', 'whiteout a$ b'],
  ['.wh.b', 'whiteout .$ b'],
  ['/a/b/.wh.c/', 'whiteout a/b$ c'],
  ['.wh....', 'whiteout .$ ...'],
  ['a/.wh..wh..opq', 'opaque a$'],
  ['.wh..wh..opq', 'opaque .$'],
  ['.wh..wh.plnk/1', 'skipped'],
  ['a/.wh..wh.aufs', 'skipped'],
  ['.wh..wh..opq/x', 'skipped'],
  ['a.wh.b', 'node a.wh.b$'],
  ['.whx', 'node .whx$'],
];

for (const [name, expected] of read) {
  test(`${name} means ${expected}`, () => {
    assert.equal(told(layerPath(Buffer.from(name), 100)), expected);
  });
}

for (const name of [
  '',
  '..',
  'a/../b',
  '/..',
  '.wh.',
  '.wh..',
  '.wh...',
  'a/.wh...',
  '.wh.a/b',
  'a/.wh.b/c',
]) {
  test(`${JSON.stringify(name)} is refused`, () => {
    assert.throws(() => layerPath(Buffer.from(name), 100), { code: 'unpack.entry-invalid' });
  });
}

test('depth and lengths are limited', () => {
  assert.throws(() => layerPath(Buffer.from('a/b/c'), 2), { code: 'unpack.limit' });
  assert.throws(() => layerPath(Buffer.from('n'.repeat(256)), 9), { code: 'unpack.entry-invalid' });
  assert.equal(plainPath(Buffer.from('n'.repeat(255)), 9)?.length, 256);
});

test('property: a path that is accepted is relative, clean and ends in NUL, and cleaning it again changes nothing', () => {
  const names = fc.array(fc.constantFrom('.', '/', 'a', 'w', 'h', '.wh.', '..', '\xff'), { maxLength: 12 });
  fc.assert(
    fc.property(names, (parts) => {
      const name = Buffer.from(parts.join(''), 'latin1');
      try {
        const path = plainPath(name, 100);
        if (path === undefined) return;
        const text = path.toString('latin1');
        assert.match(text, /^[^/][^\0]*\0$/);
        for (const part of text.slice(0, -1).split('/')) assert.ok(!['', '.', '..'].includes(part), text);
        assert.deepEqual(plainPath(path.subarray(0, -1), 100), path);
      } catch (error) {
        assert.ok(error instanceof SdmeError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
