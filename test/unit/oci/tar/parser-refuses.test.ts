import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTar } from '../../../helpers/parse-tar.ts';
import { base256, entry, file, gnuLong, hardlink, pax, symlink, tar } from '../../../helpers/raw-tar.ts';

const next = file('next', 'after');

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
