import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { handleFsImport } from '../../jobs/fs-import.ts';
import { handleFsRm } from '../../jobs/fs-rm.ts';
import { loggedContext } from '../helpers/container-host.ts';
import { fingerprint, openOnBase } from '../helpers/import-on-base.ts';
import { importInput, rootMissing } from '../helpers/import-store.ts';
import { type TestImageOptions, writeFiles } from '../helpers/oci-image.ts';
import { layoutOfTar } from '../helpers/tar-layer.ts';

const skip = rootMissing() ?? false;

const nginx: TestImageOptions = {
  layers: [{ 'usr/sbin/nginx': 'program', 'etc/passwd': 'root:x:0:0::/:\nwww:x:33:34::/:\n' }],
  executable: ['usr/sbin/nginx'],
  config: {
    Entrypoint: ['nginx', '-g', 'daemon off;'],
    Cmd: null,
    Env: ['PATH=/usr/sbin', 'TEXT=a\n"b" $c %d'],
    User: 'www',
    WorkingDir: '/srv/made',
    ExposedPorts: { '80/tcp': {}, '70000': {} },
    Volumes: { '/data': {}, '/proc/x': {} },
    StopSignal: 'SIGQUIT',
  },
};

test('an application becomes a service in a tree of the base, whose files it shares', { skip }, async () => {
  await using store = await openOnBase();
  const base = store.layout.rootfsDir('base');
  const before = fingerprint(base);
  const lines = await store.importApp('web', nginx);
  const tree = store.layout.rootfsDir('web');
  const app = join(tree, 'oci/apps/web');
  const text = (path: string): Promise<string> => readFile(join(tree, path), 'utf8');
  assert.equal(fingerprint(base), before);
  assert.equal((await stat(join(tree, 'etc/passwd'))).ino, (await stat(join(base, 'etc/passwd'))).ino);
  assert.match(await text('usr/lib/os-release'), /PRETTY_NAME="Base"/);
  assert.match(
    await text('etc/systemd/system/sdme-oci-web.service'),
    /^ExecStart=\/usr\/sbin\/sdme-isolate 33 34 \/srv\/made \/usr\/sbin\/nginx -g 'daemon off;'\n(?:.*\n)*KillSignal=SIGQUIT$/m,
  );
  assert.equal(
    await readlink(join(tree, 'etc/systemd/system/multi-user.target.wants/sdme-oci-web.service')),
    '../sdme-oci-web.service',
  );
  assert.equal(await text('oci/apps/web/env'), 'PATH="/usr/sbin"\nTEXT="a\n\\"b\\" \\$c %d"\n');
  assert.equal(await text('oci/apps/web/ports'), '80/tcp\n');
  assert.equal(await text('oci/apps/web/volumes'), '/data\n');
  const modes = async (path: string): Promise<string> =>
    ((await stat(join(app, path))).mode & 0o7777).toString(8);
  assert.equal(await modes('env'), '600');
  assert.equal(await modes('ports'), '644');
  assert.equal(await modes('root/usr/sbin/sdme-isolate'), '111');
  assert.equal(await modes('isolate'), '111');
  assert.equal(await modes('enter'), '111');
  assert.equal(await modes('root/usr/lib/sdme-devfd-shim.so'), '555');
  assert.equal(await modes('root/tmp'), '1777');
  assert.equal(await modes('root/var/run'), '755');
  assert.equal(await modes('root/srv/made'), '755');
  // Nobody can make what is mounted over where the root is read-only.
  for (const path of ['etc/hosts', 'etc/resolv.conf']) assert.equal(await modes(`root/${path}`), '644');
  const { uid, gid, mode } = await stat(join(app, 'root/data'));
  assert.deepEqual([uid, gid, mode & 0o7777], [33, 34, 0o755]);
  assert.ok(lines.includes('OCI image: application'));
  assert.ok(lines.some((line) => line.includes('"70000"')));
  assert.ok(lines.some((line) => line.includes('"/proc/x"')));
  await handleFsRm(loggedContext().ctx, { name: 'web' }, { ...store, host: 'test' });
  assert.equal(fingerprint(base), before);
});

test('an import that is refused leaves nothing, and the base as it was', { skip }, async () => {
  await using store = await openOnBase();
  const before = fingerprint(store.layout.rootfsDir('base'));
  const config = (over: object): TestImageOptions => ({ ...nginx, config: { ...nginx.config, ...over } });
  for (const [over, message] of [
    [{ User: 'onlyinbase' }, "OCI User 'onlyinbase' not found"],
    [{ Entrypoint: null, Cmd: null }, 'OCI image has no Entrypoint or Cmd'],
    [{ WorkingDir: '../..' }, /working directory/],
    [{ Env: ['A=1', `BIG=${'x'.repeat(131_072)}`] }, /variable "BIG" is longer/],
  ] as const) {
    await assert.rejects(store.importApp('bad', config(over)), { message });
  }
  await assert.rejects(store.importApp('bad', nginx, { baseFs: 'none' }), {
    message: 'base rootfs not found: none',
  });
  await assert.rejects(
    store.importApp('bad', nginx, { baseFs: undefined }),
    /appears to be an application container.*--base-fs/,
  );
  assert.deepEqual(
    (await readdir(store.layout.fsDir)).filter((name) => name.includes('bad')),
    [],
  );
  assert.equal(fingerprint(store.layout.rootfsDir('base')), before);
});

test('an application goes onto the base of the settings when none is named, an operating system does not', {
  skip,
}, async () => {
  await using store = await openOnBase({ default_base_fs: 'base' });
  const none = { baseFs: undefined };
  await store.importApp('app', nginx, none);
  const app = 'oci/apps/app/root/usr/sbin/nginx';
  await stat(join(store.layout.rootfsDir('app'), app));
  await store.importApp('os', { layers: [{ f: 'x' }], config: { Cmd: ['bash'] } }, { ...none, force: true });
  assert.deepEqual(await readdir(store.layout.rootfsDir('os')), ['f']);
  await handleFsRm(loggedContext().ctx, { name: 'base' }, { ...store, host: 'test' });
  await assert.rejects(store.importApp('late', nginx, none), { message: 'base rootfs not found: base' });
});

test('a command of several lines goes by way of a script where there is a shell', { skip }, async () => {
  await using store = await openOnBase();
  const config = { Entrypoint: ['/bin/sh', '-c', "echo 'a\nb'"], Cmd: [] };
  await store.importApp('lines', { layers: [{ 'bin/sh': 'x' }], config });
  await store.importApp('none', {
    layers: [{ 'bin/other': 'x' }],
    config: { ...config, Entrypoint: ['/x', 'a\nb'] },
  });
  const unit = (name: string): Promise<string> =>
    readFile(join(store.layout.rootfsDir(name), `etc/systemd/system/sdme-oci-${name}.service`), 'utf8');
  assert.match(await unit('lines'), /^ExecStart=.* \/bin\/sh \/\.sdme-exec\.sh$/m);
  const script = join(store.layout.rootfsDir('lines'), 'oci/apps/lines/root/.sdme-exec.sh');
  assert.equal(await readFile(script, 'utf8'), "#!/bin/sh\nexec '/bin/sh' '-c' 'echo '\\''a\nb'\\'''\n");
  assert.match(await unit('none'), /^ExecStart=.* \/x 'a\\x0ab'$/m);
});

test('where an image has a link to its programs, the service names what it leads to', { skip }, async () => {
  await using store = await openOnBase();
  const importWith = async (name: string, target: string): Promise<string> => {
    const image = join(store.dir, `${name}-root`);
    await mkdir(join(image, 'usr/bin'), { recursive: true });
    await symlink(target, join(image, 'usr/sbin'));
    const layer = execFileSync('tar', ['-C', image, '-c', '.']);
    await writeFiles(join(store.dir, name), layoutOfTar(layer, { Entrypoint: ['/x'] }));
    const input = importInput(join(store.dir, name), { name, baseFs: 'base', force: false });
    await handleFsImport(loggedContext(undefined, name).ctx, input, { ...store, host: 'test' });
    return store.layout.rootfsDir(name);
  };
  const tree = await importWith('linked', 'bin');
  const unit = await readFile(join(tree, 'etc/systemd/system/sdme-oci-linked.service'), 'utf8');
  assert.match(unit, /^ExecStart=\/usr\/bin\/sdme-isolate 0 0 /m);
  assert.match(unit, /^BindReadOnlyPaths=\/oci\/apps\/linked\/isolate:\/usr\/bin\/sdme-isolate$/m);
  assert.match(unit, /^AssertPathIsSymbolicLink=!\/oci\/apps\/linked\/root\/usr\/bin$/m);
  await stat(join(tree, 'oci/apps/linked/root/usr/bin/sdme-isolate'));
  await assert.rejects(importWith('covered', '../run'), /the image's \/usr\/sbin leads to "\/run"/);
});

test('B18 nothing is written through links that lead out of the application or its base', {
  skip,
}, async () => {
  await using store = await openOnBase();
  const outside = join(store.dir, 'outside');
  for (const name of ['usr', 'unit']) await mkdir(join(outside, name), { recursive: true });
  await writeFile(join(outside, 'passwd'), 'spy:x:0:0::/:\n');
  const source = join(store.dir, 'evil-root');
  await mkdir(join(source, 'etc'), { recursive: true });
  for (const [path, target] of [
    ['usr', join(outside, 'usr')],
    ['wd', outside],
    ['etc/passwd', join(outside, 'passwd')],
    ['var', '../../../../../../../..'],
  ] as const) {
    await symlink(target, join(source, path));
  }
  execFileSync('tar', ['-C', source, '-cf', join(store.dir, 'evil.tar'), '.']);
  const before = fingerprint(outside);
  const layer = await readFile(join(store.dir, 'evil.tar'));
  for (const [name, config] of [
    ['links', { Cmd: ['/x', 'y'], WorkingDir: '/wd/new' }],
    ['spying', { Cmd: ['/x', 'y'], User: 'spy' }],
  ] as const) {
    const layout = join(store.dir, `${name}-layout`);
    await writeFiles(layout, layoutOfTar(layer, config));
    const input = importInput(layout, { name, baseFs: 'base', force: false });
    await assert.rejects(
      handleFsImport(loggedContext(undefined, name).ctx, input, { ...store, host: 'test' }),
    );
  }
  assert.equal(fingerprint(outside), before);
});
