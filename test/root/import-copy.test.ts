import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { copyTree } from '../../src/rootfs/copy/copy-tree.ts';
import { rootMissing } from '../helpers/import-store.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const skip = rootMissing() ?? false;

async function dirs(base: string): Promise<{ source: string; target: string; store: string }> {
  const made = {
    source: join(base, 'source'),
    target: join(base, 'store/target'),
    store: join(base, 'store'),
  };
  await mkdir(made.source);
  await mkdir(made.target, { recursive: true });
  return made;
}

test('owners, modes, times, links, holes and special files are copied as they are', { skip }, async () => {
  await using dir = await tempDir();
  const { source, target, store } = await dirs(dir.path);
  await writeFile(join(source, 'file'), 'content');
  await chown(join(source, 'file'), 1234, 2345);
  await chmod(join(source, 'file'), 0o4751);
  await utimes(join(source, 'file'), 1000.5, 2000.25);
  await link(join(source, 'file'), join(source, 'same'));
  await symlink('/etc/passwd', join(source, 'out'));
  await mkdir(join(source, 'sub'));
  await chmod(join(source, 'sub'), 0o1777);
  const holes = await open(join(source, 'holes'), 'w');
  await holes.write('x', 64 * 1024 * 1024);
  await holes.close();
  execFileSync('mknod', [join(source, 'null'), 'c', '1', '3']);
  execFileSync('mkfifo', [join(source, 'fifo')]);
  await writeFile(Buffer.from(join(source, 'not-utf8-\xff'), 'latin1'), '');
  await utimes(source, 5, 6);

  const copied = await copyTree(detachedContext(), source, target, store);

  const file = await stat(join(target, 'file'));
  assert.deepEqual(
    [file.uid, file.gid, file.mode & 0o7777, file.mtimeMs, file.nlink],
    [1234, 2345, 0o4751, 2000250, 2],
  );
  assert.equal((await stat(join(target, 'same'))).ino, file.ino);
  assert.ok((await lstat(join(target, 'out'))).isSymbolicLink());
  assert.equal((await stat(join(target, 'sub'))).mode & 0o7777, 0o1777);
  const sparse = await stat(join(target, 'holes'));
  assert.ok(sparse.size > 64 * 1024 * 1024 && sparse.blocks * 512 < 1024 * 1024);
  assert.equal((await stat(join(target, 'null'))).rdev, (1 << 8) | 3);
  assert.ok((await lstat(join(target, 'fifo'))).isFIFO());
  assert.equal((await readdir(target, { encoding: 'buffer' })).length, 8);
  assert.equal((await stat(target)).mtimeMs, 6000);
  assert.deepEqual(copied, { entries: 9, bytes: 7 + 64 * 1024 * 1024 + 1 });
});

const xattrs = ((): string | false => {
  try {
    execFileSync('setfattr', ['--version'], { stdio: 'ignore' });
    return skip;
  } catch {
    return 'setfattr is not installed (apt-get install attr)';
  }
})();

test('capabilities are copied, labels and overlay marks are not', { skip: xattrs }, async () => {
  await using dir = await tempDir();
  const { source, target, store } = await dirs(dir.path);
  await writeFile(join(source, 'file'), '');
  const capability = '0x0100000280000000000000000000000000000000';
  execFileSync('setfattr', ['-n', 'security.capability', '-v', capability, join(source, 'file')]);
  execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', source]);
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', join(source, 'file')]);
  await copyTree(detachedContext(), source, target, store);
  const names = execFileSync('getfattr', ['-R', '-m', '-', '--absolute-names', '-d', '-e', 'hex', target], {
    encoding: 'utf8',
  });
  assert.match(names, new RegExp(`security\\.capability=${capability}`));
  assert.match(names, /user\.note/);
  assert.doesNotMatch(names, /overlay/);
});

test('what is mounted in the source stays out of the copy', { skip }, async () => {
  await using dir = await tempDir();
  const { source, target, store } = await dirs(dir.path);
  await mkdir(join(source, 'mounted'));
  execFileSync('mount', ['-t', 'tmpfs', 'none', join(source, 'mounted')]);
  try {
    await writeFile(join(source, 'mounted/secret'), '');
    await copyTree(detachedContext(), source, target, store);
    assert.deepEqual(await readdir(join(target, 'mounted')), []);
  } finally {
    execFileSync('umount', [join(source, 'mounted')]);
  }
});

test('a directory that holds the store is refused before anything is copied', { skip }, async () => {
  await using dir = await tempDir();
  const { target, store } = await dirs(dir.path);
  await assert.rejects(
    copyTree(detachedContext(), dir.path, target, store),
    (error) => error instanceof SdmeError && error.code === 'source.unsupported',
  );
  assert.deepEqual(await readdir(target), []);
});

test('cancel ends a copy', { skip }, async () => {
  await using dir = await tempDir();
  const { source, target, store } = await dirs(dir.path);
  for (let i = 0; i < 200; i += 1) await writeFile(join(source, `${i}`), 'x'.repeat(1000));
  const stop = new AbortController();
  const base = detachedContext(stop.signal);
  const item = {
    ...base.progress.item('x', { label: '', unit: 'files' }),
    add: () => stop.abort(new Error('stop')),
  };
  const ctx = { ...base, progress: { step: () => {}, item: () => item } };
  await assert.rejects(copyTree(ctx, source, target, store), /stop/);
});

test('a disk that is too small is told before the copy begins', { skip }, async () => {
  await using dir = await tempDir();
  const { source, store } = await dirs(dir.path);
  await writeFile(join(source, 'big'), Buffer.alloc(3 * 1024 * 1024, 1));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', store]);
  try {
    const target = join(store, 'target');
    await mkdir(target);
    await assert.rejects(
      copyTree(detachedContext(), source, target, store),
      (error) => error instanceof SdmeError && error.code === 'disk.full' && error.message.includes('needed'),
    );
    assert.deepEqual(await readdir(target), []);
    assert.equal((await readFile(join(source, 'big'))).length, 3 * 1024 * 1024);
  } finally {
    execFileSync('umount', [store]);
  }
});
