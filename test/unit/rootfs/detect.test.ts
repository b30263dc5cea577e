import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../../src/base/errors.ts';
import { detectByText, detectPath, type PathFacts } from '../../../src/rootfs/detect.ts';

const accepted: readonly (readonly [string, PathFacts, Record<string, string>])[] = [
  ['a directory', { type: 'directory' }, { kind: 'directory' }],
  ['an OCI layout', { type: 'directory', layoutVersion: '1.0.0' }, { kind: 'layout' }],
  ['a plain tarball', { type: 'file', magic: 'tar', image: false }, { kind: 'tarball', compression: 'none' }],
  ['an xz tarball', { type: 'file', magic: 'xz', image: false }, { kind: 'tarball', compression: 'xz' }],
  [
    'an image archive',
    { type: 'file', magic: 'gzip', image: true },
    { kind: 'archive', compression: 'gzip' },
  ],
];
for (const [what, facts, expected] of accepted) {
  test(`${what} is detected`, () => {
    assert.deepEqual(detectPath('/srv/x', facts), { path: '/srv/x', ...expected });
  });
}

const refused: readonly (readonly [string, string, PathFacts, string, RegExp])[] = [
  [
    'a missing path',
    '/srv/x',
    { type: 'missing' },
    'not-found',
    /^source path does not exist: \/srv\/x; an image of a registry is named with its host/,
  ],
  [
    'a fifo',
    '/srv/x',
    { type: 'other' },
    'source.unsupported',
    /^source path is not a file or directory: \/srv\/x$/,
  ],
  [
    'a qcow2 image',
    '/srv/x',
    { type: 'file', magic: 'qcow2', image: false },
    'source.unsupported',
    /disk image/,
  ],
  [
    'a partitioned disk',
    '/srv/x',
    { type: 'file', magic: 'disk', image: false },
    'source.unsupported',
    /disk image/,
  ],
  [
    'a .raw file',
    '/srv/x.raw',
    { type: 'file', magic: 'unknown', image: false },
    'source.unsupported',
    /disk image/,
  ],
  [
    'a web page',
    '/srv/x',
    { type: 'file', magic: 'html', image: false },
    'source.unsupported',
    /is a web page/,
  ],
  [
    'text',
    '/srv/x',
    { type: 'file', magic: 'unknown', image: false },
    'source.unsupported',
    /is not a tar archive/,
  ],
  [
    'a layout of another version',
    '/srv/x',
    { type: 'directory', layoutVersion: '2.0' },
    'source.unsupported',
    /version 2\.0/,
  ],
];
for (const [what, source, facts, code, message] of refused) {
  test(`${what} is refused with ${code}`, () => {
    assert.throws(
      () => detectPath(source, facts),
      (error) => error instanceof SdmeError && error.code === code && message.test(error.message),
    );
  });
}

test('a tarball named .img is a tarball: what is inside counts more than the name', () => {
  assert.equal(detectPath('/srv/x.img', { type: 'file', magic: 'gzip', image: false }).kind, 'tarball');
});

test('URLs and references are detected without looking at files', () => {
  assert.deepEqual(detectByText('https://h/x.tar'), { kind: 'url', url: 'https://h/x.tar' });
  assert.deepEqual(detectByText('docker.io/debian'), { kind: 'registry', reference: 'docker.io/debian' });
  assert.equal(detectByText('/srv/x'), undefined);
});
