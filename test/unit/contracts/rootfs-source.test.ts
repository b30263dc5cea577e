import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../../src/base/errors.ts';
import { fsImport } from '../../../src/contracts/fs-import.ts';
import { absoluteSource, inferRootfsName, sourceTextKind } from '../../../src/contracts/rootfs-source.ts';

const kinds: readonly (readonly [string, string])[] = [
  ['https://host.example/a.tar', 'url'],
  ['HTTP://host.example/a.tar', 'url'],
  ['docker.io/library/debian:trixie', 'registry'],
  ['docker.io/debian', 'registry'],
  ['localhost:5000/team/app', 'registry'],
  ['localhost/app', 'registry'],
  ['[::1]:5000/app', 'registry'],
  ['registry:5000/app@sha256:00', 'registry'],
  ['debian.tar', 'path'],
  ['dir/debian.tar', 'path'],
  ['./my.dir/debian.tar', 'path'],
  ['../my.dir/debian', 'path'],
  ['/srv/docker.io/debian', 'path'],
  ['.hidden/x', 'path'],
  ['ftp.example', 'path'],
];

for (const [source, kind] of kinds) {
  test(`the source ${source} is taken for a ${kind}`, () => assert.equal(sourceTextKind(source), kind));
}

const names: readonly (readonly [string, string])[] = [
  ['docker.io/library/debian:trixie', 'debian'],
  ['localhost:5000/base/debian', 'debian'],
  ['docker.io/library/debian@sha256:abcd', 'debian'],
  ['docker.io/library/debian:12@sha256:abcd', 'debian'],
  ['/srv/rootfs.tar', 'rootfs'],
  ['/srv/rootfs.tar.gz', 'rootfs'],
  ['/srv/rootfs.tgz', 'rootfs'],
  ['/srv/rootfs.TAR.XZ', 'rootfs'],
  ['/srv/alpine.oci.tar', 'alpine'],
  ['/srv/trees/debian/', 'debian'],
  ['https://host.example/x/fedora.tar.zst?token=1', 'fedora'],
  ['https://host.example/x/fedora%2Dcore.tar', 'fedora-core'],
];

for (const [source, name] of names) {
  test(`the name inferred from ${source} is ${name}`, () => assert.equal(inferRootfsName(source), name));
}

for (const source of [
  '/',
  '/srv/Debian.tar',
  'docker.io/team/my_app',
  'https://host.example/',
  '/srv/12.tar',
]) {
  test(`no name is inferred from ${source}, and the message names the flag`, () => {
    assert.throws(
      () => inferRootfsName(source),
      (error) =>
        error instanceof SdmeError &&
        error.code === 'input.invalid' &&
        error.message === `cannot infer a valid rootfs name from '${source}'; use --name <name>`,
    );
  });
}

test('paths are made absolute from the caller’s directory, references and URLs stay', () => {
  assert.equal(absoluteSource('x.tar', '/home/a'), '/home/a/x.tar');
  assert.equal(absoluteSource('../x.tar', '/home/a'), '/home/x.tar');
  assert.equal(absoluteSource('/x.tar', '/home/a'), '/x.tar');
  assert.equal(absoluteSource('docker.io/debian', '/home/a'), 'docker.io/debian');
  assert.equal(absoluteSource('https://h/x.tar', '/home/a'), 'https://h/x.tar');
});

for (const source of [
  'http://user:secret@host.example/a.tar',
  'https://secret@host.example/a.tar',
  'user:secret@registry.example:5000/team/app',
]) {
  test(`${source} is no job's input, and the refusal does not tell the secret`, () => {
    const parsed = fsImport.input.safeParse({ source, name: 'app' });
    assert.match(parsed.error?.message ?? '', /credentials in a source/);
    assert.doesNotMatch(parsed.error?.message ?? '', /secret/);
  });
}

for (const source of ['https://host.example/a@b.tar?x=@', 'registry.example/app@sha256:00', '/srv/a@b/c']) {
  test(`${source} holds no credentials`, () => {
    assert.equal(fsImport.input.safeParse({ source, name: 'app' }).error, undefined);
  });
}

for (const source of ['file:///srv/a.tar', 'ftp://host.example/a.tar', 'docker://host.example/a']) {
  test(`${source} is refused with what can be given instead`, () => {
    const parsed = fsImport.input.safeParse({ source, name: 'app' });
    assert.match(parsed.error?.message ?? '', /is no kind of source; give a path, an http or https URL/);
  });
}

test('a long or unprintable source is shown cut, and cannot act on a terminal', () => {
  assert.throws(
    () => inferRootfsName(`/srv/\u{1b}[2J${'x'.repeat(4000)}`),
    (error) => {
      assert.ok(error instanceof SdmeError);
      assert.ok(error.message.length < 200, error.message);
      return !error.message.includes('\u{1b}');
    },
  );
});
