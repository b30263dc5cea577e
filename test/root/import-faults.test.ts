import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Context, detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { importRootfs } from '../../src/rootfs/import/import.ts';
import { importInput, openTestStore, rootMissing, type TestStore } from '../helpers/import-store.ts';
import { layoutFiles, testImage, writeFiles } from '../helpers/oci-image.ts';
import { type TempDir, tempDir } from '../helpers/temp-dir.ts';
import { waitFor } from '../helpers/wait-for.ts';

const skip = rootMissing() ?? false;

/** Sources that take long enough to be interrupted, made once. */
let room: TempDir;
const sources = { tarball: '', image: '' };
before(async () => {
  room = await tempDir();
  sources.tarball = await longTarball(room.path);
  sources.image = await longImage(room.path);
});
after(() => room[Symbol.asyncDispose]());

/** A tarball whose unpacking takes long enough to be interrupted. */
async function longTarball(dir: string): Promise<string> {
  const source = join(dir, 'source');
  await mkdir(source);
  for (let i = 0; i < 40; i += 1) await writeFile(join(source, `file-${i}`), randomBytes(1024 * 1024));
  const file = join(dir, 'long.tar.gz');
  execFileSync('tar', ['-C', source, '--use-compress-program=gzip -1', '-cf', file, '.']);
  return file;
}

async function longImage(dir: string): Promise<string> {
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`file-${i}`, randomBytes(1024 * 1024)]),
  );
  const layout = join(dir, 'layout');
  await writeFiles(layout, layoutFiles([await testImage({ layers: [files, { 'etc/issue': 'x' }] })]));
  return layout;
}

async function storeContent(store: TestStore): Promise<string[]> {
  return (await readdir(store.layout.fsDir)).sort();
}

/** Processes whose arguments name a path below this directory. */
async function processesOf(dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(pid) || Number(pid) === process.pid) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(dir)) found.push(line.replaceAll('\0', ' '));
  }
  return found;
}

/** A context that is cancelled when the job gets to a place. */
function cancelledAt(place: string): Context {
  const stop = new AbortController();
  const cancel = (): void => stop.abort(new SdmeError('job.cancelled', 'cancelled by the test'));
  const base = detachedContext(stop.signal);
  const item = base.progress.item('x', { label: 'x', unit: 'bytes' });
  return {
    ...base,
    progress: {
      step: (name) => {
        if (name === place) cancel();
      },
      item: () => ({ ...item, set: (done) => (place === 'unpacking' && done > 0 ? cancel() : undefined) }),
    },
  };
}

for (const place of ['resolve', 'unpack', 'unpacking', 'prepare', 'commit']) {
  for (const kind of ['tarball', 'image'] as const) {
    test(`cancel of the import (${kind}) at ${place} leaves nothing behind`, { skip }, async () => {
      await using store = await openTestStore();
      await assert.rejects(
        importRootfs(cancelledAt(place), store, importInput(sources[kind])),
        (error) => error instanceof SdmeError && error.code === 'job.cancelled',
      );
      assert.deepEqual(await storeContent(store), []);
      assert.deepEqual(await processesOf(store.layout.fsDir), []);
    });
  }
}

for (const place of ['step:resolve', 'step:unpack', 'unpacking', 'step:prepare', 'step:commit']) {
  test(`a worker killed at ${place} leaves no process, and the next import makes one whole rootfs`, {
    skip,
  }, async () => {
    await using store = await openTestStore();
    const source = sources.tarball;
    const fixture = fileURLToPath(new URL('fixtures/run-import.ts', import.meta.url));
    const child = spawn(process.execPath, [fixture, store.layout.dataDir, source, place], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // What it makes for itself goes with this test's directory, as it cannot remove it.
      env: { ...process.env, TMPDIR: store.dir },
    });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGKILL');
    await gone;
    await waitFor(
      'the end of its children',
      async () => (await processesOf(store.layout.fsDir)).length === 0,
    );
    assert.ok(
      (await storeContent(store)).every((name) => name.startsWith('.')),
      'nothing half in its place',
    );
    const result = await importRootfs(detachedContext(), store, importInput(source));
    assert.equal(result.bytes, 40 * 1024 * 1024);
    assert.equal((await readdir(store.layout.rootfsDir('tree'))).length, 40);
    assert.deepEqual(await storeContent(store), ['.tree.meta', 'tree']);
  });
}

/** Runs with a data directory on a disk of this size. */
async function onSmallDisk(size: string, work: (store: TestStore) => Promise<void>): Promise<void> {
  await using dir = await tempDir();
  const disk = join(dir.path, 'disk');
  await mkdir(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', disk]);
  try {
    await using store = await openTestStore({}, join(disk, 'data'));
    await work(store);
  } finally {
    execFileSync('umount', [disk]);
  }
}

const isDiskFull = (error: unknown): boolean => error instanceof SdmeError && error.code === 'disk.full';

test('a disk that fills up in the middle of an import is told, and nothing is left', { skip }, async () => {
  await onSmallDisk('8m', async (store) => {
    // Text compresses so well that the check before the start cannot know.
    await mkdir(join(store.dir, 'source'));
    await writeFile(join(store.dir, 'source/big'), Buffer.alloc(32 * 1024 * 1024, 'text '));
    const file = join(store.dir, 'a.tar.gz');
    execFileSync('tar', ['-C', join(store.dir, 'source'), '-czf', file, '.']);
    await assert.rejects(importRootfs(detachedContext(), store, importInput(file)), isDiskFull);
    assert.deepEqual(await storeContent(store), []);
    await assert.rejects(
      importRootfs(detachedContext(), store, importInput(join(store.dir, 'source'))),
      isDiskFull,
      'a directory',
    );
    assert.deepEqual(await storeContent(store), []);
  });
});

test('an image that cannot fit is refused before its first layer is unpacked', { skip }, async () => {
  await onSmallDisk('8m', async (store) => {
    const source = sources.image;
    let unpacking = false;
    const base = detachedContext();
    const step = (name: string): void => {
      unpacking ||= name === 'unpack';
    };
    const ctx = { ...base, progress: { ...base.progress, step } };
    await assert.rejects(importRootfs(ctx, store, importInput(source)), (error) => {
      return (
        error instanceof SdmeError && error.code === 'disk.full' && typeof error.facts.needed === 'number'
      );
    });
    assert.ok(!unpacking);
    assert.deepEqual(await storeContent(store), []);
  });
});

async function smallTree(store: TestStore, content: string): Promise<string> {
  const source = join(store.dir, content);
  await mkdir(source);
  await writeFile(join(source, 'content'), content);
  return source;
}

test('a name that is taken is refused without --force and replaced whole with it', { skip }, async () => {
  await using store = await openTestStore({ distros: {} });
  await importRootfs(detachedContext(undefined, 'one'), store, importInput(await smallTree(store, 'old')));
  const fresh = await smallTree(store, 'new');
  await assert.rejects(
    importRootfs(detachedContext(undefined, 'two'), store, importInput(fresh, { force: false })),
    (error) =>
      error instanceof SdmeError &&
      error.code === 'exists' &&
      error.message ===
        'fs already exists: tree; use --force to replace it or --name <name> to import separately',
  );
  await importRootfs(detachedContext(undefined, 'three'), store, importInput(fresh));
  assert.equal(await readFile(join(store.layout.rootfsDir('tree'), 'content'), 'utf8'), 'new');
  assert.deepEqual(await storeContent(store), ['.tree.meta', 'tree']);
});

test('a failed replacement leaves the old rootfs as it was', { skip }, async () => {
  await using store = await openTestStore();
  await importRootfs(detachedContext(undefined, 'one'), store, importInput(await smallTree(store, 'old')));
  const meta = await readFile(store.layout.rootfsMetaFile('tree'), 'utf8');
  const broken = join(store.dir, 'broken.tar.gz');
  await writeFile(broken, Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]));
  await assert.rejects(
    importRootfs(detachedContext(undefined, 'two'), store, importInput(broken)),
    SdmeError,
  );
  await assert.rejects(
    importRootfs(cancelledAt('commit'), store, importInput(await smallTree(store, 'new'))),
    /cancelled/,
  );
  assert.equal(await readFile(join(store.layout.rootfsDir('tree'), 'content'), 'utf8'), 'old');
  assert.equal(await readFile(store.layout.rootfsMetaFile('tree'), 'utf8'), meta);
  assert.deepEqual(await storeContent(store), ['.tree.meta', 'tree']);
});

test('a rootfs that a container uses is not replaced, whatever is forced', { skip }, async () => {
  await using store = await openTestStore();
  await importRootfs(detachedContext(undefined, 'one'), store, importInput(await smallTree(store, 'old')));
  await mkdir(store.layout.stateDir, { recursive: true });
  await writeFile(store.layout.stateFile('box'), 'NAME=box\nROOTFS=tree\n');
  const fresh = await smallTree(store, 'new');
  await assert.rejects(
    importRootfs(detachedContext(undefined, 'two'), store, importInput(fresh)),
    (error) =>
      error instanceof SdmeError &&
      error.code === 'in-use' &&
      error.message === "fs 'tree' is in use by container 'box'",
  );
  assert.equal(await readFile(join(store.layout.rootfsDir('tree'), 'content'), 'utf8'), 'old');
});

test('a job that is delivered again after its commit returns its result and does nothing', {
  skip,
}, async () => {
  await using store = await openTestStore();
  const source = await smallTree(store, 'old');
  const input = importInput(source, { force: false, installPackages: 'auto' });
  const forced = { ...input, force: true };
  const first = await importRootfs(detachedContext(undefined, 'job'), store, forced);
  const { ino } = await stat(store.layout.rootfsDir('tree'));
  await writeFile(join(source, 'content'), 'changed since');
  assert.deepEqual(await importRootfs(detachedContext(undefined, 'job'), store, forced), first);
  assert.equal((await stat(store.layout.rootfsDir('tree'))).ino, ino);
  await assert.rejects(importRootfs(detachedContext(undefined, 'other'), store, input), /already exists/);
});

test('records that were written for a commit that never came do not pass for a finished job', {
  skip,
}, async () => {
  await using store = await openTestStore();
  const job = detachedContext(undefined, 'job');
  await importRootfs(job, store, importInput(await smallTree(store, 'old')));
  const file = store.layout.rootfsMetaFile('tree');
  const meta = await readFile(file, 'utf8');
  await writeFile(file, meta.replace(/^IMPORT_TREE=.*$/m, 'IMPORT_TREE=1'));
  await importRootfs(job, store, importInput(await smallTree(store, 'new')));
  assert.equal(await readFile(join(store.layout.rootfsDir('tree'), 'content'), 'utf8'), 'new');
});

test('no import asks for a slot while it holds one of the disk, so one slot is enough', {
  skip,
}, async () => {
  await using store = await openTestStore();
  let held = 0;
  const base = detachedContext();
  const withSlot: Context['withSlot'] = async (resource, work) => {
    assert.equal(held, 0, `a slot of the ${resource} inside of one of the disk`);
    held += resource === 'disk' ? 1 : 0;
    try {
      return await work();
    } finally {
      held -= resource === 'disk' ? 1 : 0;
    }
  };
  for (const [name, source] of Object.entries({ ...sources, directory: await smallTree(store, 'x') })) {
    await importRootfs({ ...base, withSlot }, store, importInput(source, { name }));
  }
});
