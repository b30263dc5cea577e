import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { detachedContext } from '../../src/base/context.ts';
import type { FsImportResult } from '../../src/contracts/fs-import.ts';
import { importRootfs } from '../../src/rootfs/import/import.ts';
import { planImport } from '../../src/rootfs/plan/plan.ts';
import { registryMissing, startDockerRegistry } from '../helpers/docker-registry.ts';
import { importInput, openTestStore, rootMissing } from '../helpers/import-store.ts';
import {
  indexOf,
  layoutFiles,
  pushImage,
  type TestImage,
  testImage,
  writeFiles,
} from '../helpers/oci-image.ts';

const skip = rootMissing() ?? false;
const noRegistry = rootMissing() ?? registryMissing() ?? false;

const sizeOf = (image: TestImage): number => image.layers.reduce((sum, { size }) => sum + size, 0);

test('a plan says to the byte what the imports then fetch, share and find in the cache', {
  skip: noRegistry,
}, async () => {
  await using store = await openTestStore();
  await using registry = await startDockerRegistry();
  const base = { 'etc/os-release': 'ID=debian\n', base: randomBytes(60_000) };
  const images = {
    one: await testImage({ layers: [base, { one: randomBytes(20_000) }] }),
    two: await testImage({ layers: [base, { two: randomBytes(30_000) }] }),
  };
  for (const [tag, image] of Object.entries(images)) await pushImage(registry.host, 'plan', tag, [image]);
  const inputs = ['one', 'two', 'one'].map((tag, i) =>
    importInput(`${registry.host}/plan:${tag}`, { name: `tree-${i}` }),
  );
  const plan = await planImport(detachedContext(), store, inputs);
  await assert.rejects(readdir(store.layout.dataDir), { code: 'ENOENT' }, 'a plan writes nothing');
  const results: FsImportResult[] = [];
  for (const input of inputs) results.push(await importRootfs(detachedContext(), store, input));
  const sum = (key: 'fetchedBytes' | 'cachedBytes'): number =>
    results.reduce((total, result) => total + result[key], 0);
  assert.deepEqual([plan.bytesToFetch, plan.bytesShared], [sum('fetchedBytes'), sum('cachedBytes')]);
  assert.equal(
    plan.bytesToFetch,
    sizeOf(images.one) + sizeOf(images.two) - (images.one.layers[0]?.size ?? 0),
  );
  const again = await planImport(detachedContext(), store, inputs);
  assert.deepEqual([again.bytesToFetch, again.bytesCached], [0, sizeOf(images.one) * 2 + sizeOf(images.two)]);
  const anew = await planImport(
    detachedContext(),
    store,
    inputs.map((input) => ({ ...input, noCache: true })),
  );
  assert.deepEqual([anew.bytesToFetch, anew.bytesCached, anew.bytesShared], [again.bytesCached, 0, 0]);
});

test('a plan looks at the platform that was asked for', { skip: noRegistry }, async () => {
  await using store = await openTestStore();
  await using registry = await startDockerRegistry();
  const images = {
    amd64: await testImage({ architecture: 'amd64', layers: [{ a: randomBytes(1_000) }] }),
    arm64: await testImage({ architecture: 'arm64', layers: [{ a: randomBytes(9_000) }] }),
  };
  const root = indexOf(Object.entries(images).map(([name, image]) => [`linux/${name}`, image]));
  await pushImage(registry.host, 'multi', 'latest', Object.values(images), { root });
  const plan = await planImport(
    detachedContext(),
    store,
    (['amd64', 'arm64'] as const).map((name) =>
      importInput(`${registry.host}/multi`, { name, platform: `linux/${name}` }),
    ),
  );
  assert.deepEqual(
    plan.sources.map(({ pieces }) => pieces.map(({ size }) => size)),
    [[sizeOf(images.amd64)], [sizeOf(images.arm64)]],
  );
});

test('what the import itself would refuse is in the plan with its error', { skip }, async () => {
  await using store = await openTestStore();
  const tree = join(store.dir, 'tree');
  await mkdir(tree);
  await importRootfs(detachedContext(undefined, 'first'), store, importInput(tree, { name: 'taken' }));
  const app = join(store.dir, 'app');
  const image = await testImage({ config: { Entrypoint: ['/app'], Cmd: [] } });
  await writeFiles(app, layoutFiles([image]));
  const inputs = [
    importInput(tree, { name: 'taken', force: false }),
    importInput('/nowhere', { name: 'gone' }),
    importInput(app, { name: 'lonely', force: false }),
    importInput(app, { name: 'lost', baseFs: 'none' }),
    importInput(app, { name: 'fine', baseFs: 'base' }),
    importInput(tree, { name: 'base' }),
  ];
  const { sources } = await planImport(detachedContext(), store, inputs);
  assert.deepEqual(
    sources.map(({ name, error }) => [name, error?.code]),
    [
      ['taken', 'exists'],
      ['gone', 'not-found'],
      ['lonely', 'input.invalid'],
      ['lost', 'not-found'],
      ['fine', undefined],
      ['base', undefined],
    ],
  );
  // It is about what the imports say, word for word.
  for (const [index, input] of inputs.slice(0, 3).entries()) {
    const message = sources[index]?.error?.message;
    await assert.rejects(importRootfs(detachedContext(), store, input), { message });
  }
});

test('a plan counts local trees and files, and each download of a URL', { skip }, async () => {
  await using store = await openTestStore();
  const tree = join(store.dir, 'tree');
  await mkdir(tree);
  await writeFile(join(tree, 'big'), randomBytes(5_000_000));
  const file = join(store.dir, 'tree.tar');
  execFileSync('tar', ['-C', tree, '-cf', file, '.']);
  const { size } = await stat(file);
  const plan = await planImport(detachedContext(), store, [
    importInput(tree, { name: 'a' }),
    importInput(file, { name: 'b' }),
  ]);
  const [directory, tarball] = plan.sources;
  assert.ok((directory?.localBytes ?? 0) >= 5_000_000);
  assert.equal(tarball?.localBytes, size);
  assert.equal(plan.diskNeeded, size + (directory?.localBytes ?? 0));
  assert.equal(plan.bytesToFetch, 0);

  const server = createServer((request, response) => {
    if (request.url === '/known.tar') response.setHeader('content-length', '1000');
    response.write(Buffer.alloc(1000));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const urls = ['known.tar', 'known.tar', 'unknown.tar'];
    const downloads = urls.map((path, i) => importInput(`${url}/${path}`, { name: `d-${i}` }));
    const fetched = await planImport(detachedContext(), store, downloads);
    assert.deepEqual([fetched.bytesToFetch, fetched.bytesShared], [2000, 0]);
    assert.deepEqual(
      fetched.sources.map(({ sizeUnknown }) => sizeUnknown),
      [undefined, undefined, true],
    );
  } finally {
    server.close();
  }
});
