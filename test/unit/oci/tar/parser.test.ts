import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { SdmeError } from '../../../../src/base/errors.ts';
import { type ParsedEntry, parseTar } from '../../../helpers/parse-tar.ts';
import {
  base256,
  device,
  dir,
  endMarker,
  entry,
  file,
  gnuLong,
  hardlink,
  pax,
  paxRecord,
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

const checksumOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Archives that are refused, and what the error says. */
const refused: readonly [string, Buffer, RegExp][] = [
  ['E2 PAX size -512', tar(pax({ size: '-512' }), file('a'), next), /PAX size is not a valid number/],
  ['E2 PAX size abc', tar(pax({ size: 'abc' }), file('a'), next), /PAX size is not a valid number/],
  [
    'E2 PAX size 2^63',
    tar(pax({ size: '9223372036854775808' }), file('a'), next),
    /PAX size is not a valid number/,
  ],
  [
    'E2 a negative base-256 size',
    tar(file('a', '', { size: base256(-512n, 12) }), next),
    /the size is negative/,
  ],
  [
    'E2 a base-256 size of 2^63',
    tar(file('a', '', { size: base256(1n << 63n, 12) }), next),
    /the size is too large/,
  ],
  [
    'E3 an extended header of 1 TiB',
    tar(entry({ name: 'x', flag: 'x', size: base256(1n << 40n, 12) })),
    /is too large/,
  ],
  ['E3 a GNU name of 2 MiB', tar(gnuLong('L', 'n'.repeat(2 << 20)), file('a')), /is too large/],
  [
    'E4 a PAX record with a wrong length',
    tar(pax(Buffer.from('12 path=a\n')), file('a')),
    /PAX record is damaged/,
  ],
  [
    'E4 a PAX record whose length lies inside it',
    tar(pax(Buffer.from('8 path=aaaa\n')), file('a')),
    /damaged/,
  ],
  ['E4 a PAX record without =', tar(pax(Buffer.from('9 pathaa\n')), file('a')), /damaged/],
  ['E4 a PAX record without a key', tar(pax(Buffer.from('6 =aa\n')), file('a')), /damaged/],
  ['E4 a PAX record without a newline', tar(pax(Buffer.from('10 path=aa')), file('a')), /damaged/],
  ['E4 a PAX record with a signed length', tar(pax(Buffer.from('+9 path=a\n')), file('a')), /damaged/],
  ['E4 a PAX record of length 0', tar(pax(Buffer.from('0 a=b\n')), file('a')), /damaged/],
  ['E5 a PAX path with NUL', tar(pax({ path: 'a\0b' }), file('a')), /PAX path holds NUL/],
  ['E5 a GNU name with NUL inside', tar(gnuLong('L', 'a\0b'), file('a')), /long name holds NUL/],
  ['E6 a damaged global header', tar(pax(Buffer.from('99 x=y\n'), 'g'), file('a')), /damaged/],
  ['E8 two PAX headers', tar(pax({ uid: '1' }), pax({ uid: '2' }), file('a')), /two extended headers/],
  ['E8 two GNU names', tar(gnuLong('L', 'a'), gnuLong('L', 'b'), file('c')), /two extended headers/],
  [
    'E8 a PAX path and a GNU name',
    tar(pax({ path: 'a' }), gnuLong('L', 'b'), file('c')),
    /PAX name and a GNU name/,
  ],
  [
    'E8 a GNU link and a PAX linkpath',
    tar(gnuLong('K', 'b'), pax({ linkpath: 'a' }), symlink('c', 'd')),
    /PAX name and a GNU name/,
  ],
  ['E8 an extended header without an entry', tar(pax({ uid: '1' })), /has no entry after it/],
  ['E10 a symlink with content', tar(entry({ name: 'l', flag: '2', link: 't' }, 'x')), /link with content/],
  ['E10 a hard link with content by PAX', tar(pax({ size: '512' }), hardlink('l', 't')), /link with content/],
  [
    'E12 one block of zeros, then an entry',
    tar(file('a'), Buffer.alloc(512), next),
    /follows a single block of zeros/,
  ],
  [
    'E14 an old GNU sparse file',
    tar(entry({ name: 's', flag: 'S', magic: 'ustar  \0' }, 'x')),
    /sparse file/,
  ],
  ['E14 a PAX sparse file', tar(pax({ 'GNU.sparse.major': '1' }), file('s', 'x')), /sparse files/],
  ['E21 a wrong checksum', tar(file('a', '', { checksum: checksumOf('000001\0 ') })), /wrong checksum/],
  [
    'E21 a checksum that is no number',
    tar(file('a', '', { checksum: checksumOf('zzzzzz\0 ') })),
    /checksum is not a number/,
  ],
  ['E21 a uid with junk', tar(file('a', '', { uid: Buffer.from('12x4567\0') })), /the uid is not a number/],
  [
    'E21 a mode that is NaN',
    tar(file('a', '', { mode: Buffer.from('NaN\0\0\0\0\0') })),
    /the mode is not a number/,
  ],
  ['E21 a negative uid', tar(file('a', '', { uid: base256(-1n, 8) })), /the uid is negative/],
  ['E22 an archive cut in a file', tar(file('a', 'x'.repeat(2000))).subarray(0, 1000), /cut off/],
  ['E22 an archive cut in a header', tar(file('a')).subarray(0, 100), /cut off/],
  ['E22 an archive cut in padding', tar(file('a', 'x')).subarray(0, 600), /cut off/],
  ['E22 an archive cut in an extended header', pax({ uid: '1' }).subarray(0, 700), /cut off/],
  ['D4 unknown types', tar(entry({ name: 'a', flag: 'D' })), /unknown type "D"/],
  [
    'D4 a type that is no character',
    tar(entry({ name: 'a', flag: Buffer.of(0xff) })),
    /unknown type "\\xff"/,
  ],
  ['D16 an mtime that is no number', tar(pax({ mtime: 'NaN' }), file('a')), /mtime is not a time/],
  ['V7 a file with content whose name ends in a slash', tar(file('d/', 'x')), /ends in a slash/],
];

for (const [promise, archive, message] of refused) {
  test(`${promise}: refused`, () => {
    assert.throws(() => parseTar(archive), { name: 'SdmeError', code: 'unpack.format', message });
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

/** Entries of all kinds, for the properties. */
const anyEntry = fc.oneof(
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.uint8Array({ maxLength: 1500 }))
    .map(([name, content]) => {
      const path = Buffer.from(name.map((byte) => (byte === 0 || byte === 0x2f ? 1 : byte)));
      return Buffer.concat([pax({ path }), file('x', Buffer.from(content))]);
    }),
  fc.string({ minLength: 1, maxLength: 90 }).map((name) => dir(`${name.replaceAll('\0', 'x')}/`)),
  fc.constant(gnuLong('L', 'long')).map((long) => Buffer.concat([long, symlink('s', 'target')])),
  fc.constant(device('3', 'null', 1, 3)),
);

test('property: what is read does not depend on how the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(anyEntry, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
      (parts, cuts) => {
        const archive = tar(...parts);
        const chunks: Buffer[] = [];
        for (let at = 0, i = 0; at < archive.length; i += 1) {
          const size = cuts[i % cuts.length] ?? 1;
          chunks.push(archive.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(parseTar(...chunks), parseTar(archive));
      },
    ),
    { numRuns: 200 },
  );
});

test('property: names of any bytes come back as they were', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (raw) => {
      const name = Buffer.from(raw.map((byte) => (byte === 0 ? 1 : byte)));
      const viaPax = parseTar(tar(Buffer.concat([pax({ path: name }), entry({ name: 'x', flag: '7' })])));
      const viaGnu = parseTar(tar(Buffer.concat([gnuLong('L', name), entry({ name: 'x', flag: '7' })])));
      assert.deepEqual(viaPax[0]?.name, name);
      assert.deepEqual(viaGnu[0]?.name, name);
    }),
  );
});

test('property: garbage and damaged archives end with an SdmeError or a list, and quickly', () => {
  const good = tar(
    pax({ path: 'a/b', mtime: '1.5' }),
    file('x', 'content'),
    gnuLong('L', 'name'),
    symlink('l', 't'),
    dir('d/'),
  );
  const damaged = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 20 })
    .map((edits) => {
      const copy = Buffer.from(good);
      for (const [at, byte] of edits) copy[at] = byte;
      return copy;
    });
  const field = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes));
  const forged = fc
    .record({ size: field, uid: field, mtime: field, flag: field, name: field, magic: field })
    .map((header) => tar(rawHeader(header), rawHeader(header)));
  fc.assert(
    fc.property(
      fc.oneof(
        damaged,
        forged,
        fc.uint8Array({ maxLength: 4096 }).map((bytes) => Buffer.from(bytes)),
      ),
      (archive) => {
        try {
          parseTar(archive);
        } catch (error) {
          assert.ok(error instanceof SdmeError, String(error));
          assert.equal(error.code, 'unpack.format');
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('a PAX record knows its own length', () => {
  assert.equal(paxRecord('path', 'a'.repeat(90)).toString(), `99 path=${'a'.repeat(90)}\n`);
});
