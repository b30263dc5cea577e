import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { SdmeError } from '../../../../src/base/errors.ts';
import { type Layout, layoutOf } from '../../../../src/base/paths.ts';
import { type LockTarget, removeFreeLocks, takeLock, waitForLock } from '../../../../src/system/fs/locks.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

const exclusive: LockTarget = { kind: 'fs', name: 'debian', mode: 'exclusive' };
const shared: LockTarget = { kind: 'fs', name: 'debian', mode: 'shared' };

async function withLayout(work: (layout: Layout) => Promise<void>): Promise<void> {
  await using directory = await tempDir();
  await work(layoutOf(`${directory.path}/data`, `${directory.path}/run`));
}

/** Until flock(1) waits for the lock, as /proc/locks tells: its line begins with an arrow. */
async function waitForWaiter(layout: Layout): Promise<void> {
  const { ino } = await stat(layout.lockFile('fs', 'debian'));
  const waits = new RegExp(`-> FLOCK .*:${ino} `);
  await waitFor('somebody to wait', async () => waits.test(await readFile('/proc/locks', 'utf8')));
}

test('a lock that is held is busy, and the error names its holder', () =>
  withLayout(async (layout) => {
    await using lock = await takeLock(layout, exclusive);
    assert.equal(lock.target, exclusive);
    assert.equal(await readFile(layout.lockFile('fs', 'debian'), 'utf8'), `${process.pid}\n`);
    await assert.rejects(takeLock(layout, exclusive), {
      code: 'lock.busy',
      message: `cannot lock fs/debian: locked by pid ${process.pid}`,
    });
    await assert.rejects(takeLock(layout, shared), {
      code: 'lock.busy',
      message: `cannot read-lock fs/debian: locked by pid ${process.pid}`,
    });
  }));

test('shared locks go together, and keep an exclusive one out until the last is released', () =>
  withLayout(async (layout) => {
    const first = await takeLock(layout, shared);
    const second = await takeLock(layout, shared);
    await first.release();
    await first.release();
    await assert.rejects(takeLock(layout, exclusive), { code: 'lock.busy' });
    await second.release();
    await using _lock = await takeLock(layout, exclusive);
  }));

test('a waiter gets the lock when the holder releases it', () =>
  withLayout(async (layout) => {
    const holder = await takeLock(layout, exclusive);
    const order: string[] = [];
    const waiting = waitForLock(layout, exclusive, new AbortController().signal).then((lock) => {
      order.push('taken');
      return lock;
    });
    order.push('released');
    await holder.release();
    await using _lock = await waiting;
    assert.deepEqual(order, ['released', 'taken']);
    await assert.rejects(takeLock(layout, exclusive), { code: 'lock.busy' });
  }));

test('lock files that nobody needs can be removed, and those that are held stay', () =>
  withLayout(async (layout) => {
    const isUnneeded = (name: string): boolean => name !== 'needed';
    assert.equal(await removeFreeLocks(layout, 'fs', isUnneeded), 0);
    for (const name of ['a', 'b', 'needed']) await (await takeLock(layout, { ...exclusive, name })).release();
    await using _held = await takeLock(layout, shared);
    assert.equal(await removeFreeLocks(layout, 'fs', isUnneeded), 2);
    const left = (await readdir(dirname(layout.lockFile('fs', 'a')))).sort();
    assert.deepEqual(left, ['debian.lock', 'needed.lock']);
    await assert.rejects(takeLock(layout, exclusive), { code: 'lock.busy' });
  }));

test('who waited for a lock whose file was removed meanwhile has the lock that others see', () =>
  withLayout(async (layout) => {
    const remover = await takeLock(layout, exclusive);
    const waiting = waitForLock(layout, exclusive, new AbortController().signal);
    await waitForWaiter(layout);
    await unlink(layout.lockFile('fs', 'debian'));
    await remover.release();
    await using _lock = await waiting;
    await assert.rejects(takeLock(layout, exclusive), { code: 'lock.busy' });
  }));

test('a waiter ends with the reason of its signal and leaves nothing held', () =>
  withLayout(async (layout) => {
    const holder = await takeLock(layout, exclusive);
    const controller = new AbortController();
    const waiting = waitForLock(layout, exclusive, controller.signal);
    const reason = new SdmeError('job.cancelled', 'cancelled');
    setImmediate(() => controller.abort(reason));
    await assert.rejects(waiting, reason);
    await holder.release();
    await using _lock = await takeLock(layout, exclusive);
  }));

test('a lock ends with the process that held it', () =>
  withLayout(async (layout) => {
    await (await takeLock(layout, exclusive)).release();
    const file = layout.lockFile('fs', 'debian');
    const child = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo held; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    try {
      await once(child.stdout, 'data');
      await assert.rejects(takeLock(layout, exclusive), { code: 'lock.busy' });
      const waiting = waitForLock(layout, exclusive, new AbortController().signal);
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      await using _lock = await waiting;
    } finally {
      child.kill('SIGKILL');
    }
  }));
