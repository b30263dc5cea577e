import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { detachedContext } from '../../src/base/context.ts';
import { collectGarbage } from '../../src/rootfs/gc.ts';
import { importRootfs } from '../../src/rootfs/import/import.ts';
import { importInput, openTestStore, rootMissing, type TestStore } from '../helpers/import-store.ts';
import { layoutFiles, testImage, writeFiles } from '../helpers/oci-image.ts';

const skip = rootMissing() ?? false;

/** An image of an operating system of this family, with one variable. */
async function familyImage(store: TestStore, family: string): Promise<string> {
  const layout = join(store.dir, family);
  const layers = [{ 'etc/os-release': `ID=${family}\n` }];
  const image = await testImage({ layers, config: { Env: [`FAMILY=${family}`], Cmd: ['bash'] } });
  await writeFiles(layout, layoutFiles([image]));
  return layout;
}

const importOf = (store: TestStore, job: string, source: string) =>
  importRootfs(detachedContext(undefined, job), store, importInput(source));

/** What is kept beside the rootfs, and the names of all that is in the store. */
async function keptOf({ layout }: TestStore): Promise<readonly string[]> {
  const texts = [layout.rootfsMetaFile('tree'), layout.rootfsEnvFile('tree')].map((file) =>
    readFile(file, 'utf8'),
  );
  return [...(await Promise.all(texts)), ...(await readdir(layout.fsDir)).sort()];
}

test('a replacement that fails at its last step leaves the records of the old rootfs too', {
  skip,
}, async () => {
  await using store = await openTestStore();
  await importOf(store, 'one', await familyImage(store, 'debian'));
  const before = await keptOf(store);
  assert.match(before[0] ?? '', /^DISTRO=debian$/m);
  const place = store.layout.rootfsDir('tree');
  // The kernel renames no mount point.
  execFileSync('mount', ['--bind', place, place]);
  try {
    await assert.rejects(importOf(store, 'two', await familyImage(store, 'fedora')), /rename/);
  } finally {
    execFileSync('umount', [place]);
  }
  assert.deepEqual(await keptOf(store), before);
  await importOf(store, 'three', join(store.dir, 'fedora'));
  const [meta, environment, ...content] = await keptOf(store);
  assert.match(meta ?? '', /^DISTRO=fedora$/m);
  assert.match(environment ?? '', /fedora/);
  assert.deepEqual(content, before.slice(2));
});

test('records of a replacement that was cut off are those of the tree that is there, after gc', {
  skip,
}, async () => {
  await using store = await openTestStore();
  await importOf(store, 'one', await familyImage(store, 'debian'));
  const { layout } = store;
  const before = await keptOf(store);
  const [meta = '', environment = ''] = before;
  const staged = async (tree: bigint): Promise<void> => {
    await writeFile(`${layout.rootfsEnvFile('tree')}.next`, environment.replaceAll('debian', 'fedora'));
    const lines = meta
      .replace(/^DISTRO=.*$/m, 'DISTRO=fedora')
      .replace(/^IMPORT_TREE=.*$/m, `IMPORT_TREE=${tree}`);
    await writeFile(`${layout.rootfsMetaFile('tree')}.next`, lines);
  };
  await staged(1n);
  await collectGarbage(detachedContext(), store);
  assert.deepEqual(await keptOf(store), before);
  await staged((await stat(layout.rootfsDir('tree'), { bigint: true })).ino);
  await collectGarbage(detachedContext(), store);
  const [metaAfter, environmentAfter, ...content] = await keptOf(store);
  assert.match(metaAfter ?? '', /^DISTRO=fedora$/m);
  assert.match(environmentAfter ?? '', /fedora/);
  assert.deepEqual(content, before.slice(2));
});

test('a damaged record of the very job that is run again does not end it', { skip }, async () => {
  await using store = await openTestStore();
  const source = await familyImage(store, 'debian');
  const first = await importOf(store, 'job', source);
  const file = store.layout.rootfsMetaFile('tree');
  const meta = await readFile(file, 'utf8');
  await writeFile(file, meta.replace(/^IMPORT_RESULT=.*$/m, 'IMPORT_RESULT={'));
  assert.deepEqual(await importOf(store, 'job', source), first);
});

test('what only an image can be imported as is refused for a plain tree', { skip }, async () => {
  await using store = await openTestStore();
  const source = join(store.dir, 'plain');
  await mkdir(join(source, 'etc'), { recursive: true });
  const asked = (over: object) => importRootfs(detachedContext(), store, importInput(source, over));
  await assert.rejects(asked({ ociMode: 'app' }), {
    code: 'input.invalid',
    message: /--oci-mode=app is for/,
  });
  await importOf(store, 'base', source);
  await assert.rejects(asked({ name: 'other', baseFs: 'tree' }), {
    code: 'input.invalid',
    message: /--base-fs is for OCI images/,
  });
});
