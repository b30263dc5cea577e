import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { parseKeyValues } from '../../src/base/key-values.ts';
import { blobPath } from '../../src/oci/blobs/cache-files.ts';
import { importRootfs } from '../../src/rootfs/import/import.ts';
import { registryMissing, startDockerRegistry } from '../helpers/docker-registry.ts';
import { seenContext } from '../helpers/images-room.ts';
import { importInput, openTestStore, rootMissing, type TestStore } from '../helpers/import-store.ts';
import { layoutFiles, pushImage, testImage, writeFiles } from '../helpers/oci-image.ts';

const skip = rootMissing() ?? false;
const noRegistry = rootMissing() ?? registryMissing() ?? false;

/** A small tree with what tarballs and copies must keep. */
async function sourceTree(store: TestStore): Promise<string> {
  const tree = join(store.dir, 'source');
  await mkdir(join(tree, 'etc'), { recursive: true });
  await writeFile(join(tree, 'etc/os-release'), 'ID=debian\nPRETTY_NAME="Debian"\n');
  await writeFile(join(tree, '.wh.kept'), 'a name like others in a tarball');
  await symlink('/etc/passwd', join(tree, 'link'));
  execFileSync('chown', ['1234:2345', join(tree, 'etc/os-release')]);
  return tree;
}

/** What the store holds: names of everything in it. */
async function storeContent(store: TestStore): Promise<string[]> {
  return (await readdir(store.layout.fsDir)).sort();
}

async function checkTree(store: TestStore, name = 'tree'): Promise<void> {
  const tree = store.layout.rootfsDir(name);
  assert.deepEqual((await readdir(tree)).sort(), ['.wh.kept', 'etc', 'link']);
  assert.equal(await readlink(join(tree, 'link')), '/etc/passwd');
  assert.equal((await stat(join(tree, 'etc/os-release'))).uid, 1234);
}

for (const [compression, ...command] of [
  ['none'],
  ['gzip', 'gzip', '-c'],
  ['bzip2', 'bzip2', '-c'],
  ['xz', 'xz', '-c'],
  ['zstd', 'zstd', '-c', '-q'],
]) {
  test(`a tarball compressed with ${compression} is imported, and nothing else is in the store`, {
    skip,
  }, async () => {
    await using store = await openTestStore();
    const source = await sourceTree(store);
    const plain = join(store.dir, 'source.tar');
    execFileSync('tar', ['-C', source, '-cf', plain, '.']);
    const file = join(store.dir, 'archive');
    const [program, ...args] = command;
    await writeFile(
      file,
      program === undefined ? await readFile(plain) : execFileSync(program, [...args, plain]),
    );
    const result = await importRootfs(detachedContext(), store, importInput(file));
    await checkTree(store);
    assert.equal(result.kind, 'tarball');
    assert.equal(result.path, store.layout.rootfsDir('tree'));
    assert.deepEqual(await storeContent(store), ['.tree.meta', 'tree']);
    const meta = parseKeyValues(await readFile(store.layout.rootfsMetaFile('tree'), 'utf8'));
    assert.equal(meta.get('DISTRO'), 'debian');
    assert.equal((await stat(store.layout.dataDir)).mode & 0o777, 0o700);
  });
}

test('a tarball is imported through a symlink, and one that is cut short is not', { skip }, async () => {
  await using store = await openTestStore();
  const source = await sourceTree(store);
  const file = join(store.dir, 'a.tar.xz');
  execFileSync('tar', ['-C', source, '-cJf', file, '.']);
  await symlink(file, join(store.dir, 'link.tar.xz'));
  await importRootfs(detachedContext(), store, importInput(join(store.dir, 'link.tar.xz')));
  await checkTree(store);
  const whole = await readFile(file);
  await writeFile(file, whole.subarray(0, whole.length - 20));
  await assert.rejects(
    importRootfs(detachedContext(), store, importInput(file, { name: 'cut' })),
    (error) => error instanceof SdmeError && error.code === 'unpack.format',
  );
  assert.deepEqual(await storeContent(store), ['.tree.meta', 'tree']);
});

test('a directory is imported as a copy', { skip }, async () => {
  await using store = await openTestStore();
  const source = await sourceTree(store);
  const result = await importRootfs(detachedContext(), store, importInput(source));
  await checkTree(store);
  assert.equal(result.kind, 'directory');
  assert.deepEqual(await storeContent(store), ['.tree.meta', 'tree']);
});

test('a URL is downloaded and then imported as what it is', { skip }, async () => {
  await using store = await openTestStore();
  const source = await sourceTree(store);
  const file = join(store.dir, 'a.tar.gz');
  execFileSync('tar', ['-C', source, '-czf', file, '.']);
  const bytes = await readFile(file);
  const page = Buffer.from('<!doctype html><title>not here</title>');
  const server = createServer((request, response) => response.end(request.url === '/page' ? page : bytes));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await importRootfs(detachedContext(), store, importInput(`http://127.0.0.1:${port}/a.tar.gz`));
    await checkTree(store);
    await assert.rejects(
      importRootfs(detachedContext(), store, importInput(`http://127.0.0.1:${port}/page`, { name: 'page' })),
      /is a web page/,
    );
    assert.deepEqual(await storeContent(store), ['.tree.meta', 'tree']);
  } finally {
    server.close();
  }
});

const baseLayers = [
  { 'etc/os-release': 'ID=debian\n', 'gone/file': 'x', kept: 'y' },
  { '.wh.gone': '', new: 'z' },
];

async function checkImage(store: TestStore, name = 'tree'): Promise<void> {
  const tree = store.layout.rootfsDir(name);
  assert.deepEqual((await readdir(tree)).sort(), ['etc', 'kept', 'new']);
}

test('an OCI layout, an OCI archive and a docker-save tar give the same rootfs', { skip }, async () => {
  await using store = await openTestStore();
  const image = await testImage({ layers: baseLayers, config: { Env: ['A=1\n2'], Cmd: ['/bin/bash'] } });
  const layout = join(store.dir, 'layout');
  await writeFiles(layout, layoutFiles([image]));
  execFileSync('tar', ['-C', layout, '-cf', join(store.dir, 'oci.tar'), '.']);
  execFileSync('xz', ['-k', join(store.dir, 'oci.tar')]);
  execFileSync('skopeo', ['copy', '-q', `oci:${layout}`, `docker-archive:${store.dir}/docker.tar:x:y`]);
  for (const [name, source, kind] of [
    ['layout', layout, 'layout'],
    ['oci', join(store.dir, 'oci.tar'), 'archive'],
    ['packed', join(store.dir, 'oci.tar.xz'), 'archive'],
    ['docker', join(store.dir, 'docker.tar'), 'archive'],
  ] as const) {
    const result = await importRootfs(detachedContext(), store, importInput(source, { name }));
    assert.equal(result.kind, kind);
    assert.equal(result.image, 'base');
    await checkImage(store, name);
    assert.equal(await readFile(store.layout.rootfsEnvFile(name), 'utf8'), 'A="1\n2"\n');
    const meta = parseKeyValues(await readFile(store.layout.rootfsMetaFile(name), 'utf8'));
    assert.equal(meta.get('OCI_CMD'), '["/bin/bash"]');
  }
});

test('an image of a registry is imported; again, its layers come from the cache', {
  skip: noRegistry,
}, async () => {
  await using store = await openTestStore();
  await using registry = await startDockerRegistry();
  const image = await testImage({ layers: baseLayers });
  await pushImage(registry.host, 'team/base', 'one', [image]);
  const source = `${registry.host}/team/base:one`;
  const compressed = image.layers.reduce((sum, { size }) => sum + size, 0);

  const first = await importRootfs(detachedContext(), store, importInput(source));
  await checkImage(store);
  assert.deepEqual([first.fetchedBytes, first.cachedBytes], [compressed, 0]);
  assert.equal(first.reference, source);
  assert.equal(first.manifestDigest, image.manifest.digest);
  const second = await importRootfs(detachedContext(), store, importInput(source, { name: 'second' }));
  await checkImage(store, 'second');
  assert.deepEqual([second.fetchedBytes, second.cachedBytes], [0, compressed]);
});

test('a blob that was damaged in the cache is fetched again', { skip: noRegistry }, async () => {
  await using store = await openTestStore();
  await using registry = await startDockerRegistry();
  const image = await testImage({ layers: baseLayers });
  await pushImage(registry.host, 'team/base', 'one', [image]);
  const source = `${registry.host}/team/base:one`;
  await importRootfs(detachedContext(), store, importInput(source));
  const layer = image.layers[1];
  assert.ok(layer !== undefined);
  const path = blobPath(store.layout.blobCacheDir, layer.digest);
  const bytes = await readFile(path);
  bytes[bytes.length - 6] = (bytes[bytes.length - 6] ?? 0) ^ 1;
  await writeFile(path, bytes);
  const ctx = seenContext();
  const again = await importRootfs(ctx, store, importInput(source, { name: 'again' }));
  await checkImage(store, 'again');
  assert.equal(again.fetchedBytes, layer.size);
  assert.ok(ctx.warnings.some((line) => /fetching it again/.test(line)));
  assert.deepEqual(await readFile(path), layer.bytes);
});

test('--no-cache keeps no blob', { skip: noRegistry }, async () => {
  await using store = await openTestStore();
  await using registry = await startDockerRegistry();
  const image = await testImage({ layers: baseLayers });
  await pushImage(registry.host, 'team/base', 'one', [image]);
  const input = importInput(`${registry.host}/team/base:one`, { noCache: true });
  await importRootfs(detachedContext(), store, input);
  await checkImage(store);
  for (const { digest } of image.layers) {
    await assert.rejects(stat(blobPath(store.layout.blobCacheDir, digest)), { code: 'ENOENT' });
  }
});

test('an application is refused, taken raw with -f, or taken as a base when asked', { skip }, async () => {
  await using store = await openTestStore();
  const image = await testImage({ layers: baseLayers, config: { Entrypoint: ['/app'], Cmd: [] } });
  const layout = join(store.dir, 'layout');
  await writeFiles(layout, layoutFiles([image]));
  const run = (over: Parameters<typeof importInput>[1]) =>
    importRootfs(detachedContext(), store, importInput(layout, over));
  await assert.rejects(
    run({ force: false }),
    (error) =>
      error instanceof SdmeError &&
      error.message.includes('appears to be an application container') &&
      error.message.includes('--base-fs'),
  );
  await assert.rejects(
    run({ ociMode: 'base', baseFs: 'x' }),
    /--base-fs cannot be used with --oci-mode=base/,
  );
  await assert.rejects(run({ baseFs: 'none' }), /base rootfs not found: none/);
  assert.deepEqual(await storeContent(store), []);
  assert.equal((await run({ name: 'raw' })).image, 'app');
  assert.equal((await run({ name: 'base', ociMode: 'base' })).image, 'base');
  await assert.rejects(
    run({ name: 'no', force: false, ociMode: 'base' }),
    /not found in rootfs and running non-interactively/,
  );
  assert.deepEqual(await storeContent(store), [
    '.base.env',
    '.base.meta',
    '.raw.env',
    '.raw.meta',
    'base',
    'raw',
  ]);
});
