import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Context, detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { runInTree } from '../../src/rootfs/prepare/chroot.ts';
import { withHostResolver } from '../../src/rootfs/prepare/resolv-conf.ts';
import { rootMissing } from '../helpers/import-store.ts';
import { makeSmallTree } from '../helpers/small-tree.ts';
import { type TempDir, tempDir } from '../helpers/temp-dir.ts';
import { processLives, waitFor } from '../helpers/wait-for.ts';

const skip = rootMissing() ?? false;
const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

async function treeIn(dir: TempDir, more: readonly string[] = []): Promise<string> {
  const tree = join(dir.path, 'tree');
  await makeSmallTree(tree, more);
  for (const name of ['proc', 'sys', 'dev']) execFileSync('mkdir', [join(tree, name)]);
  return tree;
}

function collecting(signal?: AbortSignal): { ctx: Context; lines: string[] } {
  const lines: string[] = [];
  const base = detachedContext(signal);
  return { lines, ctx: { ...base, log: { ...base.log, info: (line) => lines.push(line) } } };
}

function mountsBelow(path: string): string[] {
  const table = execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' });
  return table.split('\n').filter((line) => line.includes(path));
}

test('a command in a tree has a /proc, /sys and /dev of its own, and none of it is left', {
  skip,
}, async () => {
  await using dir = await tempDir();
  const tree = await treeIn(dir);
  const { ctx, lines } = collecting();
  await runInTree(
    ctx,
    tree,
    'echo $$; ls /dev; cat /dev/null; echo x > /dev/null; ls -d /proc/1',
    environment,
  );
  assert.equal(lines[0], '1');
  for (const node of ['null', 'zero', 'urandom', 'tty', 'pts', 'shm', 'mqueue', 'stdin', 'fd', 'core']) {
    assert.ok(lines.includes(node), node);
  }
  assert.deepEqual(mountsBelow(tree), []);
  assert.deepEqual(await readdir(join(tree, 'dev')), []);
});

test('a command in a tree cannot mount, change the kernel’s settings or write to /sys', {
  skip,
}, async () => {
  await using dir = await tempDir();
  const tree = await treeIn(dir);
  const attempts = [
    'mount -t tmpfs none /tmp',
    'echo x > /proc/sys/kernel/core_pattern',
    'chroot / mount -o remount,rw /sys',
    'touch /sys/kernel/x',
    'cat /proc/1/root/etc/hostname',
  ];
  for (const attempt of attempts) {
    const { ctx, lines } = collecting();
    await runInTree(
      ctx,
      tree,
      `if ( ${attempt} ) 2>/dev/null; then echo done; else echo refused; fi`,
      environment,
    );
    assert.equal(lines.at(-1), 'refused', attempt);
  }
});

const perl = ((): string | false => {
  try {
    execFileSync('perl', ['-e', '1']);
    return skip;
  } catch {
    return 'perl is not installed';
  }
})();

test('the old way out of a chroot ends in the tree again', { skip: perl }, async () => {
  await using dir = await tempDir();
  const tree = await treeIn(dir, ['perl']);
  await writeFile(join(tree, 'inside'), '');
  const { ctx, lines } = collecting();
  const wayOut =
    'mkdir q(/x); chroot(q(/x)) or die; chdir(q(..)) for 1..40; opendir(D,q(.)); print join(q( ),sort readdir D),qq(\\n);';
  await runInTree(ctx, tree, `perl -e "${wayOut}"`, environment);
  assert.ok(lines.at(-1)?.split(' ').includes('inside'), lines.at(-1));
  assert.ok(!lines.at(-1)?.split(' ').includes('boot'));
});

test('a command that fails is told with its code and its last words', { skip }, async () => {
  await using dir = await tempDir();
  const tree = await treeIn(dir);
  await assert.rejects(
    runInTree(detachedContext(), tree, 'echo no such package >&2; exit 7', environment),
    (error) =>
      error instanceof SdmeError &&
      error.code === 'process.failed' &&
      error.facts.code === 7 &&
      error.message.includes('no such package'),
  );
});

/** Host process ids of what runs with this word in its arguments. */
async function processesWith(word: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const root = line.split('\0');
    if (root.includes(word) && (await processLives(Number(pid)))) found.push(Number(pid));
  }
  return found;
}

test('cancel ends everything that runs in the tree, also what went into the background', {
  skip,
}, async () => {
  await using dir = await tempDir();
  const tree = await treeIn(dir);
  const stop = new AbortController();
  const { ctx } = collecting(stop.signal);
  const running = runInTree(ctx, tree, 'sleep 86397 & sleep 86397', environment);
  await waitFor('both sleeps', async () => (await processesWith('86397')).length >= 2);
  stop.abort(new SdmeError('job.cancelled', 'cancelled'));
  await assert.rejects(running, /cancelled/);
  assert.deepEqual(await processesWith('86397'), []);
  assert.deepEqual(mountsBelow(tree), []);
});

test('when the worker is killed, what ran in the tree ends and its mounts are gone', { skip }, async () => {
  await using dir = await tempDir();
  const tree = await treeIn(dir);
  const worker = spawn(process.execPath, [
    fileURLToPath(new URL('fixtures/run-in-tree.ts', import.meta.url)),
    tree,
    'sleep 86398 & sleep 86398',
  ]);
  await waitFor('both sleeps', async () => (await processesWith('86398')).length >= 2);
  worker.kill('SIGKILL');
  await waitFor('their end', async () => (await processesWith('86398')).length === 0);
  assert.deepEqual(mountsBelow(tree), []);
});

test('resolv.conf is the host’s during the work and the tree’s own afterwards, whatever it is', {
  skip,
}, async () => {
  await using dir = await tempDir();
  const tree = await treeIn(dir);
  const host = await readFile('/etc/resolv.conf', 'utf8');
  const outside = join(dir.path, 'outside');
  await writeFile(outside, 'untouched');
  const read = (): string => execFileSync('cat', [join(tree, 'etc/resolv.conf')], { encoding: 'utf8' });

  await withHostResolver(tree, async () => assert.equal(read(), host));
  assert.ok(!(await readdir(join(tree, 'etc'))).includes('resolv.conf'));

  await symlink(outside, join(tree, 'etc/resolv.conf'));
  await withHostResolver(tree, async () => assert.equal(read(), host));
  assert.equal(
    execFileSync('readlink', [join(tree, 'etc/resolv.conf')], { encoding: 'utf8' }).trim(),
    outside,
  );
  assert.equal(await readFile(outside, 'utf8'), 'untouched');

  execFileSync('rm', [join(tree, 'etc/resolv.conf')]);
  await writeFile(join(tree, 'etc/resolv.conf'), 'nameserver 192.0.2.1\n');
  await assert.rejects(
    withHostResolver(tree, () => Promise.reject(new Error('work failed'))),
    /work failed/,
  );
  assert.equal(read(), 'nameserver 192.0.2.1\n');

  const file = join(tree, 'etc/resolv.conf');
  const large = `nameserver 192.0.2.1\n${'# long\n'.repeat(20_000)}`;
  await writeFile(file, large);
  execFileSync('sh', ['-c', `chown 12:34 ${file} && chmod 0600 ${file} && touch -d @1000000000.5 ${file}`]);
  const facts = (): string => execFileSync('stat', ['-c', '%i %a %u:%g %.9Y %s', file], { encoding: 'utf8' });
  const before = facts();
  await withHostResolver(tree, async () => assert.equal(read(), host));
  assert.equal(facts(), before);
  assert.deepEqual(await readdir(join(tree, 'etc')), ['resolv.conf']);
});
