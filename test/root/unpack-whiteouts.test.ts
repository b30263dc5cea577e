import { device, dir, entry, file, hardlink, pax, symlink, tar } from '../helpers/raw-tar.ts';
import { testCases, type UnpackCase } from '../helpers/unpack-case.ts';

const rejected = (name: string, whiteout: Buffer, error = /is not a valid whiteout/): UnpackCase => ({
  name,
  layers: () => [tar(dir('etc'), file('etc/a')), tar(whiteout)],
  error,
});

testCases('C: whiteouts', [
  rejected('C1 .wh... at the root is refused', file('.wh...')),
  rejected('C2 etc/.wh... is refused', file('etc/.wh...')),
  rejected('C3 .wh.. at the root is refused', file('.wh..')),
  rejected('C3 etc/.wh.. is refused', file('etc/.wh..')),
  rejected('C4 .wh. without a name is refused', file('etc/.wh.')),
  {
    name: 'C5 an opaque marker after its siblings takes only lower entries',
    layers: () => [
      tar(dir('d'), file('d/low'), file('d/sub/low')),
      tar(file('d/new', 'n'), file('d/sub/new', 'm'), file('d/.wh..wh..opq')),
    ],
    tree: { d: 'dir 0755', 'd/new': 'file 0644 n', 'd/sub': 'dir 0755', 'd/sub/new': 'file 0644 m' },
    only: true,
  },
  {
    name: 'C6 what a layer made before its own whiteouts stays',
    layers: () => [
      tar(file('x', 'low'), dir('dir'), file('dir/low')),
      tar(file('x', 'new'), file('.wh.x'), file('dir/new', 'n'), file('.wh.dir')),
    ],
    tree: { x: 'file 0644 new', dir: 'dir 0755', 'dir/new': 'file 0644 n' },
    only: true,
  },
  {
    name: 'C6 also when the layer named it by another way',
    layers: () => [
      tar(dir('usr'), symlink('alias', 'usr'), file('usr/low')),
      tar(file('alias/new', 'n'), file('usr/.wh.new'), file('usr/.wh.low')),
    ],
    tree: { 'usr/new': 'file 0644 n' },
    absent: ['usr/low'],
  },
  {
    name: 'C6 a lower file goes although this layer made a hard link to it',
    layers: () => [tar(file('a', 'x')), tar(hardlink('b', 'a'), file('.wh.a'), file('.wh.b'))],
    tree: { b: 'file 0644 x' },
    only: true,
  },
  {
    name: 'C7 a whiteout before new entries leaves only these',
    layers: () => [tar(dir('dir'), file('dir/low')), tar(file('.wh.dir'), file('dir/new'))],
    tree: { dir: 'dir 0755', 'dir/new': 'file 0644' },
    only: true,
  },
  {
    name: 'C8 a whiteout of a link takes the link and leaves the target',
    layers: (victim) => [
      tar(dir('t'), file('t/f'), symlink('a', victim), symlink('b', 'dangling'), symlink('c', 't')),
      tar(file('.wh.a'), file('.wh.b'), file('.wh.c')),
    ],
    tree: { t: 'dir 0755', 't/f': 'file 0644' },
    only: true,
  },
  {
    name: 'C9 whiteouts through a link to outside do nothing',
    layers: (victim) => [tar(symlink('esc', victim)), tar(file('esc/.wh.hello'), file('esc/.wh..wh..opq'))],
  },
  {
    name: 'C10 a whiteout through a link inside the root takes the target entry',
    layers: () => [
      tar(dir('usr'), dir('usr/bin'), file('usr/bin/tool'), file('usr/bin/other'), symlink('bin', 'usr/bin')),
      tar(file('bin/.wh.tool')),
    ],
    tree: { 'usr/bin/other': 'file 0644' },
    absent: ['usr/bin/tool'],
  },
  {
    name: 'C11 whiteouts of what is not there do nothing and make nothing',
    layers: () => [
      tar(file('f')),
      tar(file('.wh.none'), file('no/parent/.wh.x'), file('f/.wh.x'), file('no/.wh..wh..opq')),
    ],
    tree: { f: 'file 0644' },
    only: true,
  },
  {
    name: 'C11 whiteouts of the first layer do nothing',
    layers: () => [tar(file('x'), file('.wh.x'), file('.wh..wh..opq'))],
    tree: { x: 'file 0644' },
    only: true,
  },
  {
    name: 'C12 an opaque root takes all lower entries and keeps the root attributes',
    layers: () => [
      tar(dir('./', { mode: 0o711 }), dir('a'), file('a/b'), file('c')),
      tar(file('.wh..wh..opq'), file('new')),
    ],
    tree: { '.': 'dir 0711', new: 'file 0644' },
    only: true,
  },
  {
    name: 'C13 bookkeeping of aufs is not part of the tree',
    layers: () => [
      tar(
        dir('.wh..wh.plnk'),
        file('.wh..wh.plnk/1.2', 'x'),
        file('.wh..wh.aufs', 'y'),
        dir('.wh..wh.orph'),
        file('a'),
      ),
    ],
    tree: { a: 'file 0644' },
    only: true,
  },
  {
    name: 'C14 whiteouts of any type act on the name',
    layers: () => [
      tar(file('a'), file('b'), file('c'), file('d')),
      tar(dir('.wh.a'), symlink('.wh.b', '/etc'), file('.wh.c', 'content'), hardlink('.wh.d', 'nowhere')),
    ],
    tree: {},
    only: true,
  },
  rejected('C15 a whiteout prefix on a directory is refused', file('.wh.etc/file'), /lies below a whiteout/),
  {
    name: 'C16 a character device 0:0 and overlay marks are not made',
    layers: () => [
      tar(device('3', 'w', 0, 0), pax({ 'SCHILY.xattr.trusted.overlay.whiteout': 'y' }), file('f')),
    ],
    tree: { f: 'file 0644' },
    only: true,
    note: /0:0 mean whiteouts/,
  },
  {
    name: 'C17 links named like whiteouts are plain targets',
    layers: () => [tar(symlink('l', '.wh.x'))],
    tree: { l: 'link .wh.x' },
  },
  rejected(
    'C17 a hard link to a whiteout name is missing its target',
    hardlink('h', '.wh.a'),
    /what is not there/,
  ),
  {
    name: 'C18 opaque twice and nested',
    layers: () => [
      tar(dir('d'), dir('d/e'), file('d/e/low'), file('d/low')),
      tar(
        file('d/.wh..wh..opq'),
        dir('d/e'),
        file('d/e/.wh..wh..opq'),
        file('d/e/new'),
        file('d/.wh..wh..opq'),
      ),
    ],
    tree: { d: 'dir 0755', 'd/e': 'dir 0755', 'd/e/new': 'file 0644' },
    only: true,
  },
  {
    name: 'whiteout names are plain in tarballs that are no layers',
    layers: () => [tar(file('a'), file('.wh.a', 'x'), entry({ name: '.wh.', flag: '0' }))],
    policy: { whiteouts: 'plain' },
    tree: { a: 'file 0644', '.wh.a': 'file 0644 x', '.wh.': 'file 0644' },
    only: true,
  },
]);
