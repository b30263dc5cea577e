import { dir, file, hardlink, pax, symlink, tar } from '../helpers/raw-tar.ts';
import { testCases, type UnpackCase } from '../helpers/unpack-case.ts';

const rejected = (name: string, entry: Buffer, error: RegExp): UnpackCase => ({
  name,
  layers: () => [tar(file('ok'), entry)],
  error,
});

/** 14 directories of 200 bytes. */
const longPath = `${`${'d'.repeat(200)}/`.repeat(14)}f`;
const up = '../'.repeat(40);

testCases('A: path traversal', [
  rejected(
    'A1 ../x is refused',
    file('../x'),
    /^cannot unpack layer layer-0: entry "\.\.\/x" has "\.\." in its path$/,
  ),
  rejected('A1 a/../../x is refused', file('a/../../x'), /has "\.\."/),
  rejected('A1 /../x is refused', file('/../x'), /has "\.\."/),
  rejected('A1 forty times up is refused', file(`${up}x`), /has "\.\."/),
  rejected('A1 a directory .. is refused', dir('..'), /has "\.\."/),
  {
    name: 'A2 absolute names are relative to the root',
    layers: () => [tar(file('/abs', '1'), file('////abs2', '2'), file('/./abs3', '3'), file('./abs4', '4'))],
    tree: { abs: 'file 0644 1', abs2: 'file 0644 2', abs3: 'file 0644 3', abs4: 'file 0644 4' },
    only: true,
  },
  rejected('A3 dne/../x inside the root is refused too', file('dne/../x'), /has "\.\."/),
  rejected('A4 an empty name is refused', file(''), /has an empty name/),
  rejected('A4 a name of slashes is refused as a file', hardlink('///', 'ok'), /root directory a hardlink/),
  rejected('A4 . is refused as a file', file('.'), /would make the root directory a file/),
  {
    name: 'A4 ./ as a directory sets the root attributes, at the end',
    layers: () => [tar(dir('./', { mode: 0o750, uid: 5, gid: 6 }), file('a', 'x'))],
    tree: { '.': 'dir 0750 5:6', a: 'file 0644 x' },
  },
  rejected(
    'A5 the root as a symlink is refused',
    symlink('/.', '/etc'),
    /would make the root directory a symlink/,
  ),
  rejected(
    'A5 the root as a hard link is refused',
    hardlink('./', 'ok'),
    /would make the root directory a hardlink/,
  ),
  {
    name: 'A6 a sibling whose name begins like the root is not reached',
    layers: () => [tar(symlink('s', '../root2'), file('s/x', 'in'))],
    tree: { s: 'link ../root2', 'root2/x': 'file 0644 in' },
  },
  {
    name: 'A7 backslashes and drive letters are plain names',
    layers: () => [tar(file('..\\..\\x', '1'), file('C:\\x', '2'), file('C:../x', '3'))],
    tree: { '..\\..\\x': 'file 0644 1', 'C:\\x': 'file 0644 2', 'C:..': 'dir 0755', 'C:../x': 'file 0644 3' },
    only: true,
  },
  {
    name: 'A8 names of scratch files are plain names',
    layers: (victim) => [
      tar(symlink('.layer-1.tmp', victim), symlink('.lock', victim), file('config.json', 'x')),
    ],
    tree: { 'config.json': 'file 0644 x' },
  },
  rejected(
    'E16 a component of 300 bytes is refused',
    Buffer.concat([pax({ path: 'n'.repeat(300) }), file('x')]),
    /more than 255 bytes/,
  ),
  rejected(
    'E16 a path over 4095 bytes is refused',
    Buffer.concat([pax({ path: 'abcdefg/'.repeat(520) }), file('x')]),
    /more than 4095 bytes/,
  ),
  {
    name: 'E16 a path of 3000 bytes is made',
    layers: () => [tar(pax({ path: longPath }), file('x', 'deep'))],
    tree: { [longPath]: 'file 0644 deep' },
  },
  {
    name: 'E17 control characters, quotes and globs are exact',
    layers: () => [tar(file('a\nb'), file('-rf'), file('"\'*?[x]'), file('%n'), file('...'), file('t\tab'))],
    tree: {
      'a\nb': 'file 0644',
      '-rf': 'file 0644',
      '"\'*?[x]': 'file 0644',
      '%n': 'file 0644',
      '...': 'file 0644',
      't\tab': 'file 0644',
    },
    only: true,
  },
  rejected('E17 they are escaped in messages', file('\x1b[31m../..'), /entry "\\x1b\[31m\.\.\/\.\."/),
  {
    name: 'E18 names that are not UTF-8 stay apart, in headers and PAX, for links too',
    layers: () => [
      tar(
        file(Buffer.from([0x61, 0xff]), '1'),
        pax({ path: Buffer.from([0x61, 0xfe]) }),
        file('x', '2'),
        symlink('l', Buffer.from([0xff, 0xfe])),
      ),
    ],
    tree: { 'a\xff': 'file 0644 1', 'a\xfe': 'file 0644 2', l: 'link \xff\xfe' },
    only: true,
  },
  {
    name: 'E19 composed and decomposed names, and case pairs, are two files',
    layers: () => [tar(file('\u00e9', '1'), file('e\u0301', '2'), file('A', '3'), file('a', '4'))],
    tree: { '\xc3\xa9': 'file 0644 1', 'e\xcc\x81': 'file 0644 2', A: 'file 0644 3', a: 'file 0644 4' },
    only: true,
  },
  {
    name: 'E23 500 levels are made, then removed by a whiteout',
    layers: () => [tar(...deep(500)), tar(file('.wh.d'), file('x'))],
    tree: { x: 'file 0644' },
    only: true,
  },
  {
    name: 'E23 600 levels are over the stated limit',
    layers: () => [tar(...deep(600))],
    error: /more than 512 directories deep/,
    code: 'unpack.limit',
  },
]);

function deep(levels: number): Buffer[] {
  return [pax({ path: `${'d/'.repeat(levels - 1)}f` }), file('x')];
}
