import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { layoutOf } from '../../../src/base/paths.ts';
import { takeLock } from '../../../src/system/fs/locks.ts';
import { inLockOrder } from '../../../workers/locks/order.ts';
import { openResourceLocks } from '../../../workers/locks/resource-locks.ts';

const never = new AbortController().signal;

test('locks are taken by kind, then by name, each once, the stronger mode winning', () => {
  const requests = [
    { kind: 'pods', name: 'a', mode: 'shared' },
    { kind: 'fs', name: 'b', mode: 'shared' },
    { kind: 'fs', name: 'a', mode: 'exclusive' },
    { kind: 'fs', name: 'b', mode: 'exclusive' },
    { kind: 'fs', name: 'a', mode: 'shared' },
  ] as const;
  assert.deepEqual(
    inLockOrder(requests).map(({ kind, name, mode }) => `${kind}/${name} ${mode}`),
    ['fs/a exclusive', 'fs/b exclusive', 'pods/a shared'],
  );
});

test('a lock that another holder of the file has is named and waited for', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'sdme-locks-'));
  t.after(() => rm(dir, { recursive: true }));
  const layout = layoutOf(dir, dir);
  const target = { kind: 'fs', name: 'a', mode: 'exclusive' } as const;
  const other = await takeLock(layout, target);
  const locks = openResourceLocks(layout);
  const waits: string[] = [];
  const taking = locks.take([target], never, (what) => {
    waits.push(what);
    void other.release();
  });
  await using _held = await taking;
  assert.deepEqual(waits, ['lock fs/a']);
  await assert.rejects(takeLock(layout, target), { code: 'lock.busy' });
});

test('a job that gives up waiting for its second lock gives back the first', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'sdme-locks-'));
  t.after(() => rm(dir, { recursive: true }));
  const locks = openResourceLocks(layoutOf(dir, dir));
  const of = (name: string) => ({ kind: 'fs', name, mode: 'exclusive' }) as const;
  await using _second = await locks.take([of('b')], never, () => {});
  const impatient = new AbortController();
  const both = locks.take([of('a'), of('b')], impatient.signal, () => impatient.abort(new Error('enough')));
  await assert.rejects(both, /enough/);
  await using _first = await locks.take([of('a')], never, () => assert.fail('a is held'));
});
