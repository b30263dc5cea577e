import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compressionOf, magicOf } from '../../../src/rootfs/magic.ts';
import { tarOf } from '../../helpers/oci-image.ts';

function withBytes(length: number, at: number, bytes: readonly number[]): Buffer {
  const buffer = Buffer.alloc(length, 0x20);
  Buffer.from(bytes).copy(buffer, at);
  return buffer;
}

const cases: readonly (readonly [string, Buffer, string])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b, 8, 0]), 'gzip'],
  ['bzip2', Buffer.from('BZh91AY'), 'bzip2'],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), 'xz'],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), 'zstd'],
  ['zstd behind a skippable frame', Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]), 'zstd'],
  ['qcow2', Buffer.from([0x51, 0x46, 0x49, 0xfb]), 'qcow2'],
  ['a boot sector', withBytes(512, 510, [0x55, 0xaa]), 'disk'],
  ['a GPT header', withBytes(1024, 512, [...Buffer.from('EFI PART')]), 'disk'],
  ['a web page', Buffer.from('\n<!DOCTYPE html><html>'), 'html'],
  ['text', Buffer.from('hello'), 'unknown'],
  ['nothing', Buffer.alloc(0), 'unknown'],
  ['an archive without members', Buffer.alloc(1024), 'tar'],
];
for (const [what, head, magic] of cases) {
  test(`${what} is told as ${magic} by its first bytes`, () => assert.equal(magicOf(head), magic));
}

test('a tar is told by the checksum of its first header', async () => {
  const tar = await tarOf({ 'etc/hostname': 'x' });
  assert.equal(magicOf(tar.subarray(0, 1024)), 'tar');
  tar[0] = (tar[0] ?? 0) ^ 1;
  assert.equal(magicOf(tar.subarray(0, 1024)), 'unknown');
});

test('only what a tarball may be compressed with has a compression', () => {
  assert.equal(compressionOf('tar'), 'none');
  assert.equal(compressionOf('xz'), 'xz');
  for (const magic of ['qcow2', 'disk', 'html', 'unknown'] as const)
    assert.equal(compressionOf(magic), undefined);
});
