import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Context, detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { shiftTree } from '../../src/security/shift/shift-tree.ts';
import { uidShift } from '../../src/security/uid-shift.ts';
import { childPids } from '../helpers/child-pids.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { waitFor } from '../helpers/wait-for.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const base = 0x5ffc0000;
const shift = uidShift(0, base, 65_536);

/** What shows of an inode that giving it away may change. */
function look(path: string): string {
  const { uid, gid, mode } = lstatSync(path);
  return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
}

function attribute(path: string, name: string): Buffer {
  return execFileSync('getfattr', ['-h', '--absolute-names', '--only-values', '-n', name, path]);
}

/** A tree `tree` in a directory of its own, and the call that gives it away. */
async function stage(): Promise<
  AsyncDisposable & {
    at: (path: string) => string;
    give: (
      ctx?: Context,
      mounts?: readonly (readonly string[])[],
      root?: string,
      progressMs?: number,
    ) => Promise<number>;
  }
> {
  const directory = await tempDir();
  const at = (path: string): string => join(directory.path, path);
  mkdirSync(at('tree'));
  return {
    at,
    give: (ctx = detachedContext(), mounts = [], root = 'tree', progressMs = 200) =>
      shiftTree(ctx, {
        mounts,
        root: at(root),
        notes: at('notes'),
        shift,
        threads: 2,
        item: 'shift',
        progressMs,
      }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

describe('giving a tree to the users of a namespace', { skip }, () => {
  test('every inode goes to its own id in the range, the root included; set-id bits and other modes stay', async () => {
    await using tree = await stage();
    const { at, give } = tree;
    mkdirSync(at('tree/dir/deep'), { recursive: true });
    writeFileSync(at('tree/dir/deep/plain'), 'x');
    writeFileSync(at('tree/setuid'), 'x');
    chownSync(at('tree/setuid'), 0, 42);
    chmodSync(at('tree/setuid'), 0o6755);
    writeFileSync(at('tree/user'), 'x', { mode: 0o600 });
    chownSync(at('tree/user'), 1000, 1001);
    writeFileSync(at('tree/foreign'), 'x');
    chownSync(at('tree/foreign'), 70_000, 70_001);
    mkdirSync(at('tree/sticky'));
    chmodSync(at('tree/sticky'), 0o3777);
    execFileSync('mkfifo', [at('tree/fifo')]);
    execFileSync('mknod', [at('tree/null'), 'c', '1', '3']);
    writeFileSync(Buffer.from(`${at('tree')}/\xff\xfe`, 'latin1'), 'x');
    linkSync(at('tree/user'), at('tree/dir/linked'));
    assert.equal(await give(), 11);
    assert.deepEqual(
      Object.fromEntries(
        [
          '',
          'dir',
          'dir/deep',
          'dir/deep/plain',
          'setuid',
          'user',
          'dir/linked',
          'foreign',
          'sticky',
          'fifo',
          'null',
        ].map((path) => [path, look(at(`tree/${path}`))]),
      ),
      {
        '': `${base}:${base} 755`,
        dir: `${base}:${base} 755`,
        'dir/deep': `${base}:${base} 755`,
        'dir/deep/plain': `${base}:${base} 644`,
        setuid: `${base}:${base + 42} 6755`,
        user: `${base + 1000}:${base + 1001} 600`,
        'dir/linked': `${base + 1000}:${base + 1001} 600`,
        // D7: beyond the range, so that it belongs to nobody in the namespace.
        foreign: '70000:70001 644',
        sticky: `${base}:${base} 3777`,
        fifo: `${base}:${base} 644`,
        null: `${base}:${base} 644`,
      },
    );
    const odd = lstatSync(Buffer.from(`${at('tree')}/\xff\xfe`, 'latin1'));
    assert.equal(odd.uid, base);
    assert.ok(!existsSync(at('notes')));
  });

  test('given away again, nothing is touched', async () => {
    await using tree = await stage();
    const { at, give } = tree;
    writeFileSync(at('tree/file'), 'x', { mode: 0o4755 });
    await give();
    const before = lstatSync(at('tree/file'), { bigint: true });
    await give();
    assert.equal(lstatSync(at('tree/file'), { bigint: true }).ctimeNs, before.ctimeNs);
  });

  test('a symlink is given away itself; what it leads to is not', async () => {
    await using tree = await stage();
    const { at, give } = tree;
    mkdirSync(at('victim'));
    writeFileSync(at('victim/file'), 'x');
    symlinkSync(at('victim'), at('tree/directory'));
    symlinkSync(at('victim/file'), at('tree/file'));
    lchownSync(at('tree/file'), 5, 6);
    await give();
    assert.match(look(at('tree/directory')), new RegExp(`^${base}:${base} `));
    assert.match(look(at('tree/file')), new RegExp(`^${base + 5}:${base + 6} `));
    assert.deepEqual([look(at('victim')), look(at('victim/file'))], ['0:0 755', '0:0 644']);
  });

  test('capabilities of a file become those of the namespace whose root user its owner is', async () => {
    await using tree = await stage();
    const { at, give } = tree;
    writeFileSync(at('tree/ping'), 'x', { mode: 0o755 });
    execFileSync('setcap', ['cap_net_raw=ep', at('tree/ping')]);
    await give();
    const expected = Buffer.alloc(24);
    expected.writeUInt32LE(0x03000001, 0);
    expected.writeUInt32LE(1 << 13, 4);
    expected.writeUInt32LE(base, 20);
    assert.deepEqual(attribute(at('tree/ping'), 'security.capability'), expected);
    assert.equal(look(at('tree/ping')), `${base}:${base} 755`);
  });

  test('in an overlay what lies below stays as it is', async () => {
    await using tree = await stage();
    const { at, give } = tree;
    for (const path of ['upper', 'work', 'merged']) mkdirSync(at(path));
    // The layers of an overlay must not be on an overlay.
    execFileSync('mount', ['-t', 'tmpfs', 'layers', at('.')]);
    try {
      for (const path of ['tree', 'upper', 'work', 'merged']) mkdirSync(at(path));
      writeFileSync(at('tree/su'), 'x', { mode: 0o4755 });
      chmodSync(at('tree/su'), 0o4755);
      const options = `lowerdir=${at('tree')},upperdir=${at('upper')},workdir=${at('work')}`;
      await give(undefined, [['-t', 'overlay', 'overlay', '-o', options, at('merged')]], 'merged');
      assert.equal(look(at('tree/su')), '0:0 4755');
      assert.equal(look(at('upper/su')), `${base}:${base} 4755`);
      assert.equal(look(at('upper')), `${base}:${base} 755`);
      assert.deepEqual(await readdir(at('merged')), [], 'the mount was the shifter’s only');
    } finally {
      execFileSync('umount', [at('.')]);
    }
  });

  test('who is killed is gone on with: what was noted and lost is put back', async () => {
    await using tree = await stage();
    const { at, give } = tree;
    // As a shifter leaves it that was killed between chown(2), which takes the bits, and chmod(2).
    writeFileSync(at('tree/su'), 'x');
    chownSync(at('tree/su'), base, base);
    chmodSync(at('tree/su'), 0o755);
    writeFileSync(at('notes'), `4755 ${Buffer.from('su').toString('base64')} -\n`);
    await give();
    assert.equal(look(at('tree/su')), `${base}:${base} 4755`);
    assert.ok(!existsSync(at('notes')));
  });

  test('killed in the middle it fails, and the next run comes to the same end', async () => {
    await using tree = await stage();
    const { at, give } = tree;
    for (let directory = 0; directory < 300; directory += 1) {
      mkdirSync(at(`tree/${directory}`));
      for (let file = 0; file < 40; file += 1) writeFileSync(at(`tree/${directory}/${file}`), '');
      chmodSync(at(`tree/${directory}/7`), 0o4755);
    }
    const killed = give();
    // Its root is the first that is given away.
    await waitFor('the first inode', () => lstatSync(at('tree')).uid === base);
    for (const pid of childPids()) process.kill(pid, 'SIGKILL');
    await assert.rejects(killed, (error) => error instanceof SdmeError && error.code === 'process.failed');
    assert.equal(await give(), 12_300);
    const wrong: string[] = [];
    for (const path of await readdir(at('tree'), { recursive: true })) {
      const mode = path.endsWith('/7') ? '4755' : path.includes('/') ? '644' : '755';
      if (look(at(`tree/${path}`)) !== `${base}:${base} ${mode}`) wrong.push(path);
    }
    assert.deepEqual(wrong, []);
  });

  test('it says how many files there are, and from time to time how many are done', async () => {
    await using tree = await stage();
    const { at, give } = tree;
    for (let directory = 0; directory < 20; directory += 1) {
      mkdirSync(at(`tree/${directory}`));
      for (let file = 0; file < 10; file += 1) writeFileSync(at(`tree/${directory}/${file}`), '');
    }
    const { progress, ...ctx } = detachedContext();
    const item = progress.item('x', { label: '', unit: 'files' });
    const told: (readonly [number, number | undefined])[] = [];
    const set = (done: number, total?: number): void => void told.push([done, total]);
    const counting: Context = { ...ctx, progress: { ...progress, item: () => ({ ...item, set }) } };
    assert.equal(await give(counting, [], 'tree', 0), 220);
    assert.deepEqual(told.at(0), [0, 220]);
    assert.ok(told.length > 3, `told ${told.length} times`);
    assert.deepEqual(told.at(-1), [220, 220]);
    for (const [index, [done, total]] of told.entries()) {
      assert.ok(done >= (told[index - 1]?.[0] ?? 0) && total === 220, `${index}: ${done} of ${total}`);
    }
  });

  test('cancelled it ends with its reason, and its process is gone', async () => {
    await using tree = await stage();
    const { give } = tree;
    const controller = new AbortController();
    const before = childPids().length;
    const giving = give(detachedContext(controller.signal));
    await waitFor('the shifter to start', () => childPids().length > before);
    const reason = new SdmeError('job.cancelled', 'the job was cancelled on request');
    controller.abort(reason);
    await assert.rejects(giving, reason);
    assert.equal(childPids().length, before);
  });
});
