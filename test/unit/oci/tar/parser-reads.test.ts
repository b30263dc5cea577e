import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { type ParsedEntry, parseTar } from '../../../helpers/parse-tar.ts';
import {
  base256,
  dir,
  endMarker,
  entry,
  file,
  gnuLong,
  hardlink,
  pax,
  rawHeader,
  symlink,
  tar,
} from '../../../helpers/raw-tar.ts';

const next = file('next', 'after');

/** A short text for each entry: type, name, target, content. */
function told(entries: readonly ParsedEntry[]): string[] {
  return entries.map(({ type, name, linkName, content }) =>
    [type, name.toString('latin1'), linkName.toString('latin1'), content.toString('latin1')]
      .filter((part) => part !== '')
      .join(' '),
  );
}

/** Archives that are read, and what they hold. */
const accepted: readonly [string, Buffer, readonly string[]][] = [
  [
    'E1 a PAX size larger than the header',
    tar(pax({ size: '5' }), rawHeader({ name: 'a', size: 0 }), padded5(), next),
    ['file a hello', 'file next after'],
  ],
  [
    'E1 a PAX size smaller than the header',
    tar(pax({ size: '0' }), rawHeader({ name: 'a', size: 512 }), next),
    ['file a', 'file next after'],
  ],
  [
    'E6 a global header: nothing of it is applied',
    tar(pax({ comment: 'c', path: 'evil', uid: '7', size: '3' }, 'g'), file('a', 'x')),
    ['file a x'],
  ],
  ['E7 an empty PAX header', tar(pax({}), file('a', 'x'), next), ['file a x', 'file next after']],
  [
    'E8 a PAX header with other keys before a GNU name',
    tar(pax({ mtime: '1' }), gnuLong('L', 'long'), file('short', 'x')),
    ['file long x'],
  ],
  [
    'E9 sizes of directories, fifos and devices are not content',
    tar(
      dir('d/', { size: 512 }),
      entry({ name: 'p', flag: '6', size: 99999 }),
      entry({ name: 'c', flag: '3', size: 1, major: 1, minor: 3 }),
      next,
    ),
    ['directory d/', 'fifo p', 'char c', 'file next after'],
  ],
  ['E11 entries after the end marker are not read', tar(file('a', 'x'), endMarker, next), ['file a x']],
  ['E13 no end marker', file('a', 'x'), ['file a x']],
  ['E13 one block of zeros at the end', Buffer.concat([file('a', 'x'), Buffer.alloc(512)]), ['file a x']],
  ['E13 a megabyte of zeros at the end', tar(file('a', 'x'), Buffer.alloc(1 << 20)), ['file a x']],
  [
    'E15 a GNU name and a GNU link over 100 bytes',
    tar(gnuLong('K', 't'.repeat(300)), gnuLong('L', 'n'.repeat(1000)), symlink('short', 'short')),
    [`symlink ${'n'.repeat(1000)} ${'t'.repeat(300)}`],
  ],
  [
    'E15 PAX path and linkpath over 255 bytes',
    tar(pax({ path: 'p'.repeat(1000), linkpath: 'l'.repeat(300) }), symlink('short', 'short')),
    [`symlink ${'p'.repeat(1000)} ${'l'.repeat(300)}`],
  ],
  ['E15 a POSIX prefix', tar(file('name', '', { prefix: 'pre/fix' })), ['file pre/fix/name']],
  [
    'E15 no prefix in GNU headers',
    tar(file('name', '', { prefix: 'times', magic: 'ustar  \0' })),
    ['file name'],
  ],
  ['E17 names with control characters', tar(file('a\nb\t-x\\"*%n')), ['file a\nb\t-x\\"*%n']],
  [
    'E18 names that are not UTF-8, in headers and PAX',
    tar(file(Buffer.from([0x61, 0xff])), pax({ path: Buffer.from([0x61, 0xfe]) }), file('x')),
    ['file a\xff', 'file a\xfe'],
  ],
  [
    'E20 V7: a trailing slash is a directory',
    tar(
      entry({ name: 'd/', flag: '\0', magic: Buffer.alloc(8) }),
      entry({ name: 'f', flag: '\0', magic: Buffer.alloc(8) }, 'x'),
    ),
    ['directory d/', 'file f x'],
  ],
  [
    'E20 a type 0 with a trailing slash, and 7',
    tar(file('d/'), entry({ name: 'c', flag: '7' }, 'x')),
    ['directory d/', 'file c x'],
  ],
  [
    'E25 PAX keys that mean something to JavaScript',
    tar(pax({ __proto__x: '1', constructor: 'x', 'SCHILY.xattr.__proto__': 'v' }), file('a')),
    ['file a'],
  ],
  ['F5 an empty archive, and one of no bytes', Buffer.alloc(0), []],
  [
    'C17 links to whiteout names are plain',
    tar(symlink('a', '.wh.x'), hardlink('b', '.wh.y')),
    ['symlink a .wh.x', 'hardlink b .wh.y'],
  ],
];

function padded5(): Buffer {
  return Buffer.concat([Buffer.from('hello'), Buffer.alloc(507)]);
}

for (const [promise, archive, expected] of accepted) {
  test(`${promise}: read`, () => {
    assert.deepEqual(told(parseTar(archive)), expected);
  });
}

test('D5 owners come whole from base-256 fields and from PAX', () => {
  const [a, b] = parseTar(
    tar(file('a', '', { uid: base256(4_000_000_000n, 8) }), pax({ uid: '4000000001', gid: '3' }), file('b')),
  );
  assert.equal(a?.uid, 4_000_000_000);
  assert.deepEqual([b?.uid, b?.gid], [4_000_000_001, 3]);
});

test('D9 D14 extended attributes are bytes', () => {
  const value = Buffer.from([0, 0x80, 0x0a, 0x3d, 0xff]);
  const [a, b] = parseTar(
    tar(pax({ 'SCHILY.xattr.security.capability': value, 'SCHILY.xattr.user.e': '' }), file('a'), file('b')),
  );
  assert.deepEqual(
    a?.xattrs,
    new Map([
      ['security.capability', value],
      ['user.e', Buffer.alloc(0)],
    ]),
  );
  assert.equal(b?.xattrs.size, 0);
});

test('D16 times: fractions, before 1970, far future', () => {
  const times = ['1.5', '-1.5', '-1', '0.000000001', '1099511627776', '1.9999999999'];
  const parts = times.flatMap((mtime, i) => [pax({ mtime }), file(`f${i}`)]);
  const found = parseTar(tar(...parts, file('o', '', { mtime: base256(-5n, 12) }))).map(({ mtime }) => [
    mtime.seconds,
    mtime.nanoseconds,
  ]);
  assert.deepEqual(found, [
    [1, 500_000_000],
    [-2, 500_000_000],
    [-1, 0],
    [0, 1],
    [1_099_511_627_776, 0],
    [1, 999_999_999],
    [-5, 0],
  ]);
});

test('what GNU tar writes is read: long names, devices, owners', () => {
  const long = `${'d'.repeat(60)}/${'f'.repeat(90)}`;
  for (const format of ['gnu', 'pax', 'ustar', 'v7']) {
    const path = format === 'v7' ? 'short/x' : long;
    const script =
      'cd "$(mktemp -d)" && mkdir -p "$3" a && printf hi > a/b && ln -s b a/l && ln a/b a/h && { [ "$1" = v7 ] || printf x > "$2"; } && tar --format="$1" --owner=:1000 --sort=name -cf - a "$3"; rm -rf "$PWD"';
    const archive = execFileSync('sh', ['-c', script, 'sh', format, path, dirname(path)]);
    const names = told(parseTar(archive));
    assert.deepEqual(
      names.slice(0, 4),
      ['directory a/', 'file a/b hi', 'hardlink a/h a/b', 'symlink a/l b'],
      format,
    );
    if (format !== 'v7') assert.equal(names.at(-1), `file ${long} x`, format);
  }
});
