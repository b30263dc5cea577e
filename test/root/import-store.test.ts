import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { collectGarbage } from '../../src/rootfs/gc.ts';
import { listRootfs } from '../../src/rootfs/list.ts';
import { removeRootfs } from '../../src/rootfs/remove.ts';
import { takeLock } from '../../src/system/fs/locks.ts';
import { makeStaging } from '../../src/system/fs/staging.ts';
import { openTestStore, rootMissing, type TestStore } from '../helpers/import-store.ts';

const skip = rootMissing() ?? false;

async function addRootfs(store: TestStore, name: string, osRelease?: string): Promise<string> {
  const tree = store.layout.rootfsDir(name);
  await mkdir(join(tree, 'etc'), { recursive: true });
  await writeFile(store.layout.rootfsMetaFile(name), 'DISTRO=unknown\n');
  if (osRelease !== undefined) await writeFile(join(tree, 'etc/os-release'), osRelease);
  return tree;
}

async function addContainer(store: TestStore, name: string, rootfs: string): Promise<void> {
  await mkdir(store.layout.stateDir, { recursive: true });
  await writeFile(store.layout.stateFile(name), `CREATED=1\nNAME=${name}\nROOTFS=${rootfs}\n`);
}

/** The id of a process that has ended. */
function deadPid(): number {
  return spawnSync('true').pid;
}

test('a listing names each rootfs with its OS and its containers', { skip }, async () => {
  await using store = await openTestStore();
  assert.deepEqual(await listRootfs(store.layout), []);
  await addRootfs(store, 'debian', 'PRETTY_NAME="Debian 13"\n');
  await addRootfs(store, 'bare');
  await mkdir(join(store.layout.fsDir, '.bare.import-txn-1'));
  await addContainer(store, 'b', 'debian');
  await addContainer(store, 'a', 'debian');
  await addContainer(store, 'host', '');
  const path = store.layout.rootfsDir;
  assert.deepEqual(await listRootfs(store.layout), [
    { name: 'bare', os: 'unknown', containers: [], path: path('bare') },
    { name: 'debian', os: 'Debian 13', containers: ['a', 'b'], path: path('debian') },
  ]);
});

test('an os-release that leads out of the tree is not read', { skip }, async () => {
  await using store = await openTestStore();
  const tree = await addRootfs(store, 'evil');
  const outside = join(store.dir, 'os-release');
  await writeFile(outside, 'PRETTY_NAME="Outside"\n');
  await symlink(outside, join(tree, 'etc/os-release'));
  assert.equal((await listRootfs(store.layout))[0]?.os, 'unknown');
  // The same link is good when the target lies in the tree.
  await mkdir(join(tree, store.dir), { recursive: true });
  await writeFile(join(tree, outside), 'PRETTY_NAME="Inside"\n');
  assert.equal((await listRootfs(store.layout))[0]?.os, 'Inside');
});

test('a rootfs is removed with its records, and nothing else is', { skip }, async () => {
  await using store = await openTestStore();
  await addRootfs(store, 'one');
  await addRootfs(store, 'two');
  assert.deepEqual(await removeRootfs(detachedContext(), store, 'one'), { name: 'one' });
  assert.deepEqual((await readdir(store.layout.fsDir)).sort(), ['.two.meta', 'two']);
});

test('a rootfs that is missing or used by a container is not removed', { skip }, async () => {
  await using store = await openTestStore();
  await addRootfs(store, 'used');
  await addContainer(store, 'box', 'used');
  await assert.rejects(
    removeRootfs(detachedContext(), store, 'used'),
    (error) =>
      error instanceof SdmeError &&
      error.code === 'in-use' &&
      error.message === "fs 'used' is in use by container 'box'",
  );
  await assert.rejects(
    removeRootfs(detachedContext(), store, 'none'),
    (error) =>
      error instanceof SdmeError && error.code === 'not-found' && error.message === 'fs not found: none',
  );
  assert.ok((await readdir(store.layout.fsDir)).includes('used'));
});

test('gc removes what dead processes left, and neither live staging nor a rootfs', { skip }, async () => {
  await using store = await openTestStore();
  await addRootfs(store, 'kept');
  const { fsDir } = store.layout;
  const dead = deadPid();
  for (const what of ['import', 'remove', 'download']) {
    await mkdir(join(fsDir, `.gone.${what}-txn-${dead}/sub`), { recursive: true });
  }
  await writeFile(join(fsDir, '.orphan.meta'), 'DISTRO=unknown\n');
  await writeFile(join(fsDir, '.busy.meta'), 'DISTRO=unknown\n');
  // As `replaceFile` names what it has not renamed yet.
  await writeFile(join(fsDir, '..cut.env.tmp'), 'A=');
  await using _busy = await takeLock(store.layout, { kind: 'fs', name: 'busy', mode: 'exclusive' });
  await using live = await makeStaging(store.layout.rootfsDir('live'), 'import');
  await utimes(live.path, 1, 1);
  await (await takeLock(store.layout, { kind: 'fs', name: 'never', mode: 'exclusive' })).release();
  const { removed } = await collectGarbage(detachedContext(), store);
  assert.deepEqual(await readdir(join(store.layout.locksDir, 'fs')), ['busy.lock']);
  assert.deepEqual(
    [...removed].sort(),
    ['.gone.download-txn-', '.gone.import-txn-', '.gone.remove-txn-']
      .map((name) => `${name}${dead}`)
      .concat('.orphan.meta', '..cut.env.tmp')
      .sort(),
  );
  const left = (await readdir(fsDir)).sort();
  assert.deepEqual(left, ['.busy.meta', '.kept.meta', `.live.import-txn-${process.pid}`, 'kept']);
  assert.equal(await readFile(join(fsDir, '.busy.meta'), 'utf8'), 'DISTRO=unknown\n');
});

test('gc of a store that is not there yet finds nothing', { skip }, async () => {
  await using store = await openTestStore();
  assert.deepEqual(await collectGarbage(detachedContext(), store), { removed: [] });
});
