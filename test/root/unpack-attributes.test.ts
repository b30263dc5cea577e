import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { base256, device, dir, entry, file, pax, symlink, tar } from '../helpers/raw-tar.ts';
import { testCases, type UnpackCase } from '../helpers/unpack-case.ts';

const rejected = (
  name: string,
  entries: readonly Buffer[],
  error: RegExp,
  code?: UnpackCase['code'],
): UnpackCase => ({
  name,
  layers: () => [tar(...entries)],
  error,
  ...(code === undefined ? {} : { code }),
});

/** Extended attributes of a node itself, with their values in hex. */
function xattrs(root: string, path: string): Record<string, string> {
  const script =
    'import os,sys,json;p=sys.argv[1];print(json.dumps({n:os.getxattr(p,n,follow_symlinks=False).hex() for n in os.listxattr(p,follow_symlinks=False)}))';
  return JSON.parse(execFileSync('python3', ['-c', script, join(root, path)], { encoding: 'utf8' }));
}

function mtime(root: string, path: string): bigint {
  return lstatSync(join(root, path), { bigint: true }).mtimeNs;
}

const second = 1_000_000_000n;
/** vfs_cap_data: version 2, effective, cap_setuid, whose byte 0x80 is no UTF-8. */
const capability2 = Buffer.from('0100000280000000000000000000000000000000', 'hex');
/** Version 3 with the root id 100000. */
const capability3 = Buffer.from('0100000380000000000000000000000000000000a0860100', 'hex');
const capability = 'SCHILY.xattr.security.capability';

testCases('D: types, modes, owners, attributes, times', [
  {
    name: 'D1 set-user-ID, set-group-ID and sticky bits survive a change of owner',
    layers: () => [
      tar(
        file('s', '', { mode: 0o4755, uid: 1000, gid: 1001 }),
        file('g', '', { mode: 0o2711, gid: 50 }),
        dir('d', { mode: 0o3775, uid: 8, gid: 50 }),
        dir('t', { mode: 0o1777 }),
      ),
    ],
    tree: { s: 'file 4755 1000:1001', g: 'file 2711 0:50', d: 'dir 3775 8:50', t: 'dir 1777' },
  },
  {
    name: 'D1 what is made in a set-group-ID directory has its own group and mode',
    layers: () => [
      tar(
        dir('d', { mode: 0o2775, gid: 50 }),
        file('d/f'),
        dir('d/e'),
        symlink('d/l', 'x'),
        file('d/made/f'),
        device('6', 'd/p'),
      ),
    ],
    tree: {
      'd/f': 'file 0644',
      'd/e': 'dir 0755',
      'd/l': 'link x',
      'd/made': 'dir 0755',
      'd/made/f': 'file 0644',
      'd/p': 'fifo 0644',
    },
  },
  {
    name: 'D2 modes are exact: open ones, none at all, and closed directories with children',
    layers: () => [
      tar(
        file('w', '', { mode: 0o666 }),
        dir('wd', { mode: 0o777 }),
        file('none', 'x', { mode: 0 }),
        dir('ro', { mode: 0o555 }),
        file('ro/f', 'x', { mode: 0o444 }),
        dir('closed', { mode: 0, uid: 1000 }),
        file('closed/f', 'x'),
      ),
    ],
    tree: {
      w: 'file 0666',
      wd: 'dir 0777',
      none: 'file 0000 x',
      ro: 'dir 0555',
      'ro/f': 'file 0444 x',
      closed: 'dir 0000 1000:0',
      'closed/f': 'file 0644 x',
    },
  },
  {
    name: 'D3 devices and fifos are made when asked for',
    layers: () => [
      tar(
        device('3', 'null', 1, 3),
        device('4', 'sda', 8, 0),
        device('6', 'pipe'),
        device('3', 'big', 511, 200),
      ),
    ],
    tree: { null: 'char 1:3 0644', sda: 'block 8:0 0644', pipe: 'fifo 0644', big: 'char 511:200 0644' },
  },
  {
    name: 'D3 they are skipped, with a note, when not; what was at their place goes',
    layers: () => [
      tar(file('null', 'low'), file('a')),
      tar(device('3', 'null', 1, 3), device('4', 'sda', 8, 0)),
    ],
    policy: { devices: 'skip' },
    tree: { a: 'file 0644' },
    only: true,
    note: /^devices and fifos are skipped: left out$/,
  },
  rejected(
    'D4 unknown types are refused',
    [entry({ name: 'x', flag: 'D' })],
    /^cannot unpack layer layer-0: "x" has the unknown type "D"$/,
    'unpack.format',
  ),
  {
    name: 'D5 large owners from PAX and base 256 are exact',
    layers: () => [
      tar(
        pax({ uid: '3000000000', gid: '4294967294' }),
        file('a'),
        file('b', '', { uid: base256(2_097_152n, 8) }),
      ),
    ],
    tree: { a: 'file 0644 3000000000:4294967294', b: 'file 0644 2097152:0' },
  },
  rejected(
    'D6 uid 4294967295, which chown takes for unchanged, is refused',
    [pax({ uid: '4294967295' }), file('a', '', { mode: 0o4755 })],
    /impossible owner 4294967295:0/,
  ),
  rejected(
    'D6 uid 2^32, which would wrap to root, is refused',
    [pax({ uid: '4294967296' }), file('a', '', { mode: 0o4755 })],
    /impossible owner/,
  ),
  rejected(
    'D6 gid 2^32 of a link is refused',
    [pax({ gid: '4294967296' }), symlink('a', 'b')],
    /impossible owner/,
  ),
  rejected(
    'D6 uid -1 is refused',
    [file('a', '', { uid: base256(-1n, 8), mode: 0o4755 })],
    /the uid is negative/,
    'unpack.format',
  ),
  {
    name: 'D8 names of owners mean nothing, numbers do',
    layers: () => [tar(pax({ uname: 'root', gname: 'root' }), file('a', '', { uid: 1234, gid: 5678 }))],
    tree: { a: 'file 0644 1234:5678' },
  },
  {
    name: 'D9 file capabilities are kept byte for byte, on files of any owner',
    layers: () => [tar(pax({ [capability]: capability2 }), file('a', 'x', { uid: 1000, mode: 0o755 }))],
    tree: { a: 'file 0755 1000:0 x' },
    check: (root) =>
      assert.deepEqual(xattrs(root, 'a'), { 'security.capability': capability2.toString('hex') }),
  },
  {
    name: 'D10 file capabilities of version 3 are kept with their root id',
    layers: () => [tar(pax({ [capability]: capability3 }), file('a', 'x'))],
    check: (root) => assert.equal(xattrs(root, 'a')['security.capability'], capability3.toString('hex')),
  },
  rejected(
    'D10 file capabilities of a wrong length are refused',
    [pax({ [capability]: Buffer.from('0100000280', 'hex') }), file('a')],
    /extended attribute that cannot be set \(EINVAL\)/,
  ),
  {
    name: 'D11 D12 labels, signatures and overlay marks are dropped quietly',
    layers: () => [
      tar(
        pax({
          'SCHILY.xattr.security.selinux': 'system_u:object_r:etc_t:s0',
          'SCHILY.xattr.security.ima': 'x',
          'SCHILY.xattr.security.evm': 'x',
          'SCHILY.xattr.system.nfs4_acl': 'x',
          'SCHILY.xattr.trusted.overlay.opaque': 'y',
          'SCHILY.xattr.user.overlay.opaque': 'y',
          'SCHILY.xattr.user.kept': 'v',
        }),
        file('a'),
        pax({ 'SCHILY.xattr.trusted.overlay.opaque': 'y' }),
        dir('d'),
      ),
    ],
    check: (root) => {
      assert.deepEqual(xattrs(root, 'a'), { 'user.kept': '76' });
      assert.deepEqual(xattrs(root, 'd'), {});
    },
  },
  {
    name: 'D13 D15 attributes that we do not set are noted once, and the rest goes on',
    layers: () => [
      tar(
        pax({ 'SCHILY.xattr.user.x': 'v' }),
        symlink('l', 't'),
        pax({
          'SCHILY.xattr.trusted.x': 'v',
          'SCHILY.xattr.weird': 'v',
          'SCHILY.xattr.system.posix_acl_default': 'v',
        }),
        dir('d'),
        file('d/f', '', { mode: 0o666 }),
      ),
    ],
    tree: { l: 'link t', 'd/f': 'file 0666' },
    note: /^extended attributes user\.\* are not kept on a symlink\nextended attributes trusted\.\* are not kept\nextended attributes weird\.\* are not kept\nextended attributes system\.\* are not kept$/,
  },
  {
    name: 'D14 values with NUL, newline and = are exact',
    layers: () => [
      tar(
        pax({ 'SCHILY.xattr.user.b': Buffer.from('a\0b\n=c=\xff', 'latin1'), 'SCHILY.xattr.user.e': '' }),
        file('a'),
      ),
    ],
    check: (root) =>
      assert.deepEqual(xattrs(root, 'a'), {
        'user.b': Buffer.from('a\0b\n=c=\xff', 'latin1').toString('hex'),
        'user.e': '',
      }),
  },
  rejected(
    'D14 a value over 64 KiB is refused',
    [pax({ 'SCHILY.xattr.user.big': Buffer.alloc(65537) }), file('a')],
    /extended attribute that cannot be set/,
  ),
  rejected(
    'D14 a name over 255 bytes is refused',
    [pax({ [`SCHILY.xattr.user.${'n'.repeat(300)}`]: 'v' }), file('a')],
    /extended attribute that cannot be set/,
  ),
  rejected(
    'D14 ten thousand attributes of one file, whose names no call could list, are refused',
    [
      pax(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`SCHILY.xattr.user.${i}`, 'v']))),
      file('a'),
    ],
    /has too many extended attributes/,
  ),
  {
    name: 'D14 a hundred attributes of one file are kept',
    layers: () => [
      tar(
        pax(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`SCHILY.xattr.user.n${i}`, 'v']))),
        file('a'),
      ),
    ],
    check: (root) => assert.equal(Object.keys(xattrs(root, 'a')).length, 100),
  },
  {
    name: 'D16 times: fractions, before 1970, far away, of links, and of directories after their children',
    layers: () => [
      tar(
        pax({ mtime: '1700000000.123456789' }),
        dir('d'),
        pax({ mtime: '1.5' }),
        file('d/f', 'x'),
        pax({ mtime: '-1.5' }),
        file('old'),
        pax({ mtime: '8589934592.25' }),
        file('far'),
        symlink('d/l', 'x', { mtime: 7 }),
        dir('d/e', { mtime: 9 }),
        file('d/e/g'),
      ),
    ],
    check: (root) => {
      assert.equal(mtime(root, 'd'), 1_700_000_000n * second + 123_456_789n);
      assert.equal(mtime(root, 'd/f'), second + second / 2n);
      assert.equal(mtime(root, 'old'), -(second + second / 2n));
      assert.equal(mtime(root, 'far'), 8_589_934_592n * second + second / 4n);
      assert.equal(mtime(root, 'd/l'), 7n * second);
      assert.equal(mtime(root, 'd/e'), 9n * second);
    },
  },
  {
    name: 'D16 a time beyond the file system is clamped, without a crash',
    layers: () => [
      tar(pax({ mtime: '1099511627776' }), file('a'), pax({ mtime: '-99999999999999' }), file('b')),
    ],
    tree: { a: 'file 0644', b: 'file 0644' },
  },
  {
    name: 'D16 the time of a directory whose parent became a link does not reach the target',
    layers: () => [
      tar(dir('q'), dir('q/d', { mtime: 5 }), dir('p'), dir('p/d', { mtime: 77 }), symlink('p', 'q')),
    ],
    check: (root) => assert.equal(mtime(root, 'q/d'), 5n * second),
  },
  {
    name: 'D17 a repeated directory entry replaces all attributes and keeps the children',
    layers: () => [
      tar(
        pax({ 'SCHILY.xattr.user.old': 'v', 'SCHILY.xattr.user.both': '1' }),
        dir('d', { mode: 0o700, uid: 5 }),
        file('d/f'),
      ),
      tar(pax({ 'SCHILY.xattr.user.both': '2' }), dir('d', { mode: 0o755, mtime: 3 })),
    ],
    tree: { d: 'dir 0755', 'd/f': 'file 0644' },
    check: (root) => {
      assert.deepEqual(xattrs(root, 'd'), { 'user.both': '32' });
      assert.equal(mtime(root, 'd'), 3n * second);
    },
  },
  {
    name: 'D18 missing parents are 0755 root, and a later entry sets them',
    layers: () => [tar(file('a/b/c'), dir('a', { mode: 0o711, uid: 3 }))],
    tree: { a: 'dir 0711 3:0', 'a/b': 'dir 0755', 'a/b/c': 'file 0644' },
  },
]);
