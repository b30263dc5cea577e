import assert from 'node:assert/strict';
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { device, dir, file, gnuLong, hardlink, symlink, tar } from '../helpers/raw-tar.ts';
import { testCases, type UnpackCase } from '../helpers/unpack-case.ts';

function sameInode(a: string, b: string): (root: string) => void {
  return (root) => assert.equal(lstatSync(join(root, a)).ino, lstatSync(join(root, b)).ino);
}

const rejected = (name: string, entries: readonly Buffer[], error: RegExp): UnpackCase => ({
  name,
  layers: () => [tar(...entries)],
  error,
});

testCases('B: symlinks and hard links', [
  {
    name: 'B1 an absolute link to outside leads into the root, where the target is made',
    layers: (victim) => [tar(symlink('esc', victim), file('esc/x', 'in'))],
    check: (root, _result, victim) => assert.equal(statSync(join(root, victim, 'x')).size, 2),
  },
  {
    name: 'B1 a link that climbs ends at the root',
    layers: () => [tar(symlink('esc', '../../../../victim'), file('esc/x', 'in'))],
    tree: { esc: 'link ../../../../victim', 'victim/x': 'file 0644 in' },
  },
  {
    name: 'B2 merged-usr: later layers write through links inside the root, which stay',
    layers: () => [
      tar(
        dir('usr'),
        dir('usr/bin'),
        dir('usr/lib'),
        dir('run'),
        dir('var'),
        symlink('bin', 'usr/bin'),
        symlink('lib', '/usr/lib'),
        symlink('var/run', '/run'),
      ),
      tar(file('bin/t', '1'), file('lib/l', '2'), file('var/run/a/p', '3')),
    ],
    tree: {
      bin: 'link usr/bin',
      lib: 'link /usr/lib',
      'var/run': 'link /run',
      'usr/bin/t': 'file 0644 1',
      'usr/lib/l': 'file 0644 2',
      'run/a/p': 'file 0644 3',
    },
  },
  {
    name: 'B2 the target of a dangling link inside the root is made',
    layers: () => [
      tar(
        dir('var'),
        symlink('var/run', '/run'),
        symlink('var/up', '../up'),
        file('var/run/a/p', '1'),
        file('var/up/q', '2'),
      ),
    ],
    tree: { 'run/a/p': 'file 0644 1', 'up/q': 'file 0644 2', 'var/run': 'link /run' },
  },
  {
    name: 'B3 a directory that becomes a link in the same layer',
    layers: (victim) => [tar(dir('c'), file('c/one', '1'), symlink('c', victim), file('c/two', '2'))],
    absent: ['c/one'],
  },
  {
    name: 'B4 a directory that becomes a link in a later layer',
    layers: (victim) => [
      tar(dir('c'), file('c/one', '1')),
      tar(symlink('c', victim)),
      tar(file('c/hello', '2')),
    ],
    absent: ['c/one'],
  },
  {
    name: 'B5 a directory entry replaces a link to a directory, whose target stays',
    layers: () => [
      tar(dir('t', { mode: 0o700 }), symlink('d', 't')),
      tar(dir('d', { mode: 0o711 }), file('d/x')),
    ],
    tree: { t: 'dir 0700', d: 'dir 0711', 'd/x': 'file 0644' },
    only: true,
  },
  {
    name: 'B6 a directory entry does not set the mode of a link target',
    layers: (victim) => [tar(symlink('d', victim), dir('d/', { mode: 0o777 }))],
    tree: { d: 'dir 0777' },
  },
  rejected(
    'B7 a hard link to an absolute path that is not in the root is refused',
    [hardlink('h', '/abs/outside')],
    /entry "h" is a hard link to what is not there/,
  ),
  rejected('B7 a hard link that climbs is refused', [hardlink('h', '../../victim/hello')], /has "\.\."/),
  {
    name: 'B7 a hard link through a link to outside is refused',
    layers: (victim) => [tar(symlink('esc', victim), hardlink('h', 'esc/hello'))],
    error: /hard link to what is not there/,
  },
  rejected(
    'B8 a hard link that climbs to a file in the root is refused',
    [file('etc/passwd'), hardlink('h', '../../../etc/passwd')],
    /has "\.\."/,
  ),
  {
    name: 'B9 a hard link through two links is refused',
    layers: (victim) => [
      tar(dir('a'), symlink('a/b', '..'), symlink('c', `a/b/a/b/../..${victim}`), hardlink('h', 'c/hello')),
    ],
    error: /hard link to what is not there/,
  },
  {
    name: 'B10 a hard link to a link links the link itself, and changes nothing through it',
    layers: () => [
      tar(
        file('t', 'x', { mode: 0o600 }),
        symlink('l', 't'),
        hardlink('h', 'l', { mode: 0o4777, uid: 12345 }),
      ),
    ],
    tree: { t: 'file 0600 x', l: 'link t', h: 'link t' },
    check: sameInode('l', 'h'),
  },
  rejected(
    'B11 a hard link to a directory is refused',
    [dir('d'), hardlink('h', 'd')],
    /is a hard link to a directory/,
  ),
  rejected(
    'B11 a hard link to itself is refused',
    [file('h'), hardlink('h', './h')],
    /is a hard link to itself/,
  ),
  rejected(
    'B11 a hard link to a later entry is refused',
    [hardlink('h', 'later'), file('later')],
    /what is not there/,
  ),
  {
    name: 'B12 a hard link to a file of a lower layer is the same inode',
    layers: () => [tar(file('a', 'x')), tar(hardlink('b', 'a'))],
    tree: { a: 'file 0644 x', b: 'file 0644 x' },
    check: sameInode('a', 'b'),
  },
  {
    name: 'B13 replacing one of two hard links leaves the other as it was',
    layers: () => [
      tar(file('a', 'old', { mode: 0o640 }), hardlink('b', 'a')),
      tar(file('a', 'new', { mode: 0o600 })),
    ],
    tree: { a: 'file 0600 new', b: 'file 0640 old' },
  },
  {
    name: 'B14 mode and owner of a hard link entry are ignored',
    layers: () => [
      tar(file('a', 'x', { mode: 0o640, uid: 7 }), hardlink('b', 'a', { mode: 0o4755, uid: 0 })),
    ],
    tree: { a: 'file 0640 7:0 x', b: 'file 0640 7:0 x' },
  },
  {
    name: 'B15 a file over a link, a fifo and a device replaces them',
    layers: (victim) => [
      tar(symlink('l', `${victim}/hello`), device('6', 'p'), device('3', 'c', 1, 3)),
      tar(file('l', '1'), file('p', '2'), file('c', '3')),
    ],
    tree: { l: 'file 0644 1', p: 'file 0644 2', c: 'file 0644 3' },
    only: true,
  },
  rejected(
    'B16 a loop of links as a parent is refused',
    [symlink('a', 'b'), symlink('b', 'a'), file('a/x')],
    /ELOOP/,
  ),
  rejected(
    'B16 a dangling link to itself through a directory is refused',
    [symlink('a', 'a/b'), file('a/x')],
    /ELOOP/,
  ),
  rejected(
    'B16 a link target of 5000 bytes is refused',
    [gnuLong('K', 't'.repeat(5000)), symlink('l', 'x')],
    /ENAMETOOLONG/,
  ),
  rejected('B16 an empty link target is refused', [symlink('l', '')], /symlink without a target/),
  {
    name: 'B19 files that a library might load from the root are plain files',
    layers: () => [
      tar(
        file('proc/self/fd/1', 'x'),
        file('etc/ld.so.preload', '/evil.so\n'),
        file('etc/nsswitch.conf', 'passwd: evil\n'),
        file('usr/lib/ssl/openssl.cnf', 'junk'),
        file('lib/x86_64-linux-gnu/libnss_evil.so.2', 'junk'),
        file('etc/passwd', 'root:x:4711:4711::/:\n', { uid: 1234 }),
      ),
    ],
    tree: { 'proc/self/fd/1': 'file 0644 x', 'etc/ld.so.preload': 'file 0644 /evil.so\n'.trimEnd() },
    check: (root) => assert.equal(statSync(join(root, 'etc/passwd')).uid, 1234),
  },
  {
    name: 'a hard link to its own file by another way keeps the file',
    layers: () => [
      tar(dir('usr'), symlink('alias', 'usr'), file('usr/f', 'x'), hardlink('alias/f', 'usr/f')),
    ],
    tree: { 'usr/f': 'file 0644 x' },
  },
]);
