import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type Digest, parseDigest } from '../../src/base/digests.ts';
import { device, dir, endMarker, file, hardlink, pax, symlink, tar } from '../helpers/raw-tar.ts';
import { testCases, type UnpackCase } from '../helpers/unpack-case.ts';

function digestOf(bytes: Buffer, algorithm: 'sha256' | 'sha512' = 'sha256'): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`);
}

/** A layer given as a stream, with what is claimed of it. */
function stream(bytes: Buffer, claims: { digest?: Digest; size?: number; diffId?: Digest } = {}) {
  return { file: Readable.from([bytes]), ...claims };
}

const plain = tar(dir('d'), file('d/f', 'content'));
const made = { d: 'dir 0755', 'd/f': 'file 0644 content' };
const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Buffer.from('skip')]);

const accepted = (name: string, ...layers: Buffer[]): UnpackCase => ({
  name,
  layers: () => layers,
  tree: made,
  only: true,
});
const refused = (name: string, layer: Buffer, error: RegExp): UnpackCase => ({
  name,
  layers: () => [layer],
  error,
  code: 'unpack.format',
});

/** Every kind of node, to be replaced by every other. */
const kinds: Readonly<Record<string, readonly [Buffer[], string]>> = {
  file: [[file('n', 'x')], 'file 0644 x'],
  directory: [[dir('n'), file('n/child')], 'dir 0755'],
  symlink: [[dir('other'), symlink('n', 'other')], 'link other'],
  hardlink: [[file('t', 'target'), hardlink('n', 't')], 'file 0644 target'],
  fifo: [[device('6', 'n')], 'fifo 0644'],
  char: [[device('3', 'n', 1, 3)], 'char 1:3 0644'],
};

const pairs = Object.entries(kinds).flatMap(([from, [low]]) =>
  Object.entries(kinds)
    .filter(([to]) => to !== from)
    .map(
      ([to, [high, expected]]): UnpackCase => ({
        name: `F2 a ${from} becomes a ${to}`,
        layers: () => [tar(...low), tar(...high)],
        tree: { n: expected },
        absent: to === 'directory' ? [] : ['n/child'],
      }),
    ),
);

const corrupt = Buffer.from(gzipSync(plain));
corrupt[20] = (corrupt[20] ?? 0) ^ 0xff;
const badCrc = Buffer.from(gzipSync(plain));
badCrc[badCrc.length - 6] = (badCrc[badCrc.length - 6] ?? 0) ^ 1;
const reservedFlags = Buffer.from(gzipSync(plain));
reservedFlags[3] = 0xe0;

function fifo(directory: string): string {
  const path = join(directory, 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

function linkTo(bytes: Buffer, directory: string): string {
  writeFileSync(join(directory, 'blob'), bytes);
  symlinkSync('blob', join(directory, 'link'));
  return join(directory, 'link');
}

testCases('F: layers, blobs, compression', [
  {
    name: 'F1 the last of several entries of one path wins',
    layers: () => [
      tar(file('a', '1'), file('a', '2', { mode: 0o600 }), dir('b'), file('b/c'), file('b', '3')),
    ],
    tree: { a: 'file 0600 2', b: 'file 0644 3' },
    only: true,
  },
  ...pairs,
  {
    name: 'F3 a file where a parent directory is needed is replaced',
    layers: () => [tar(file('a', 'x')), tar(file('a/b', 'y'))],
    tree: { a: 'dir 0755', 'a/b': 'file 0644 y' },
    only: true,
  },
  {
    name: 'F3 but not through a link',
    layers: () => [tar(file('a', 'x'), symlink('l', 'a'), file('l/b', 'y'))],
    error: /ENOTDIR/,
  },
  {
    name: 'F4 a layer twice with its whiteout between is applied twice',
    layers: () => [plain, tar(file('.wh.d')), plain],
    tree: made,
    only: true,
  },
  {
    name: 'F5 an empty layer, a file of no bytes, and no layers',
    layers: () => [endMarker, Buffer.alloc(0)],
    tree: { '.': 'dir 0755' },
    only: true,
  },
  {
    name: 'F5 no layers: an empty root that others may enter',
    layers: () => [],
    tree: { '.': 'dir 0755' },
    only: true,
  },
  {
    name: 'F6 400 layers',
    layers: () => Array.from({ length: 400 }, (_, i) => tar(file(`f${i % 7}`, String(i)))),
    tree: { f0: 'file 0644 399' },
  },
  {
    name: 'F6 more layers than the limit are refused',
    layers: () => [plain, plain, plain],
    limits: { layers: 2 },
    error: /more than 2 layers/,
    code: 'unpack.limit',
  },
  accepted(
    'F7 gzip of several members, an empty one among them',
    Buffer.concat([gzipSync(plain.subarray(0, 700)), gzipSync(''), gzipSync(plain.subarray(700))]),
  ),
  refused(
    'F7 a second member cut in its header',
    Buffer.concat([gzipSync(plain), gzipSync('x').subarray(0, 5)]),
    /gzip data is cut off/,
  ),
  accepted('F8 zeros after gzip', Buffer.concat([gzipSync(plain), Buffer.alloc(700)])),
  refused(
    'F8 garbage after gzip',
    Buffer.concat([gzipSync(plain), Buffer.from('garbage')]),
    /gzip data is damaged/,
  ),
  refused(
    'F8 garbage after zeros after gzip',
    Buffer.concat([gzipSync(plain), Buffer.alloc(8), Buffer.from('garbage')]),
    /garbage after the gzip data/,
  ),
  refused('F8 a wrong CRC', badCrc, /gzip data is damaged/),
  refused('F8 reserved flags', reservedFlags, /gzip data is damaged/),
  refused('F9 gzip that is cut short', gzipSync(plain).subarray(0, -9), /gzip data is cut off/),
  {
    name: 'F9 gzip that is cut short, with the right digest and size',
    layers: () => {
      const cut = gzipSync(plain).subarray(0, -9);
      return [stream(cut, { digest: digestOf(cut), size: cut.length })];
    },
    error: /gzip data is cut off/,
    code: 'unpack.format',
  },
  {
    name: 'F10 a bomb ends at the limit of bytes',
    layers: () => [gzipSync(tar(file('big', Buffer.alloc(40_000_000))))],
    limits: { bytes: 20_000_000 },
    error: /unpacks to more than 19\.1M; raise max_unpacked_size/,
    code: 'unpack.limit',
  },
  {
    name: 'F12 a zstd bomb of repeated bytes ends at the limit of bytes',
    layers: () => [zstdCompressSync(tar(file('big', Buffer.alloc(40_000_000))))],
    limits: { bytes: 20_000_000 },
    error: /unpacks to more than 19\.1M/,
    code: 'unpack.limit',
  },
  {
    name: 'F10 zeros after the end marker count too',
    layers: () => [gzipSync(Buffer.concat([plain, Buffer.alloc(40_000_000)]))],
    limits: { bytes: 20_000_000 },
    error: /unpacks to more than/,
    code: 'unpack.limit',
  },
  {
    name: 'F10 many extended headers count too',
    layers: () => [
      gzipSync(
        Buffer.concat(
          Array.from({ length: 300 }, (_, i) =>
            Buffer.concat([pax({ comment: 'c'.repeat(100_000) }), file(`f${i}`)]),
          ),
        ),
      ),
    ],
    limits: { bytes: 20_000_000 },
    error: /unpacks to more than/,
    code: 'unpack.limit',
  },
  {
    name: 'F10 E24 entries end at their limit',
    layers: () => [tar(...Array.from({ length: 120 }, (_, i) => file(`f${i}`)))],
    limits: { entries: 100 },
    error: /more than 100 entries/,
    code: 'unpack.limit',
  },
  accepted('F11 zstd', zstdCompressSync(plain)),
  accepted(
    'F11 zstd frames with skippable ones, the first too',
    Buffer.concat([
      skippable,
      zstdCompressSync(plain.subarray(0, 700)),
      skippable,
      zstdCompressSync(plain.subarray(700)),
      skippable,
    ]),
  ),
  refused('F11 zstd that is cut short', zstdCompressSync(plain).subarray(0, -2), /zstd data is cut off/),
  refused(
    'F11 garbage after zstd',
    Buffer.concat([zstdCompressSync(plain), Buffer.from('garbage')]),
    /zstd data is damaged/,
  ),
  refused(
    'F12 a zstd window over 128 MiB',
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 18 << 3, 1, 0, 0]),
    /zstd data is damaged: .*memory/,
  ),
  accepted('F13 plain tar is known by its bytes', plain),
  refused('F13 xz is refused by name', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), /compressed with xz/),
  refused('F13 what is no archive at all', Buffer.from('<html>not found</html>'.repeat(40)), /checksum/),
  {
    name: 'F14 a digest that does not match, in a layer that is fine',
    layers: () => [stream(gzipSync(plain), { digest: digestOf(plain) })],
    error: /the file has the digest sha256:[0-9a-f]{64}, not sha256:/,
    code: 'oci.digest-mismatch',
  },
  {
    name: 'F14 damaged bytes are told as a digest that does not match',
    layers: () => [stream(corrupt, { digest: digestOf(gzipSync(plain)), size: corrupt.length })],
    error: /the file has the digest/,
    code: 'oci.digest-mismatch',
  },
  {
    name: 'F15 a file larger than its descriptor',
    layers: () => [stream(plain, { size: plain.length - 1 })],
    error: /larger than the \d+ bytes/,
    code: 'oci.digest-mismatch',
  },
  {
    name: 'F15 a file smaller than its descriptor',
    layers: () => [stream(plain, { size: plain.length + 1 })],
    error: /smaller than the \d+ bytes/,
    code: 'oci.digest-mismatch',
  },
  {
    name: 'F16 a diff id that does not match',
    layers: () => [stream(gzipSync(plain), { diffId: digestOf(gzipSync(plain)) })],
    error: /the plain layer has the digest/,
    code: 'oci.digest-mismatch',
  },
  {
    name: 'digests, size and diff id that match, with trailing bytes after the end marker',
    layers: () => {
      const padded = Buffer.concat([plain, Buffer.alloc(5000, 7)]);
      const blob = gzipSync(padded);
      return [
        stream(blob, { digest: digestOf(blob, 'sha512'), size: blob.length, diffId: digestOf(padded) }),
      ];
    },
    tree: made,
  },
  {
    name: 'F18 a blob that is a fifo is refused at once',
    layers: (_victim, scratch) => [{ file: fifo(scratch) }],
    error: /is not a regular file/,
    code: 'unpack.format',
  },
  {
    name: 'F18 a blob that is a symlink is refused',
    layers: (_victim, scratch) => [{ file: linkTo(plain, scratch) }],
    error: /cannot open the layer/,
    code: 'io',
  },
  {
    name: 'E13 megabytes of zeros after the end',
    layers: () => [Buffer.concat([plain, Buffer.alloc(5_000_000)])],
    tree: made,
    check: (_root, result) =>
      assert.deepEqual({ bytes: result.bytes, entries: result.entries }, { bytes: 7, entries: 2 }),
  },
  refused(
    'E22 an archive that ends inside a file',
    tar(file('a', 'x'.repeat(5000))).subarray(0, 2000),
    /archive is cut off/,
  ),
]);
