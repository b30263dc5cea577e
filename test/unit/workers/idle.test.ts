import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeIdleWatch } from '../../../workers/idle.ts';

const lock = () => {
  let released = 0;
  const release = async (): Promise<void> => {
    released += 1;
  };
  return { held: { path: '', release, [Symbol.asyncDispose]: release }, released: () => released };
};

test('a worker ends after the idle time, counted from its last work', async () => {
  const { held } = lock();
  let idle = true;
  const watch = makeIdleWatch({ idleMs: 100, isIdle: async () => idle, takeLock: async () => held }, 0);
  assert.equal(await watch.look(90), undefined);
  idle = false;
  assert.equal(await watch.look(95), undefined);
  idle = true;
  assert.equal(await watch.look(194), undefined);
  assert.equal(await watch.look(195), held);
});

test('a worker does not end while a submit is under way', async () => {
  const watch = makeIdleWatch({ idleMs: 100, isIdle: async () => true, takeLock: async () => undefined }, 0);
  assert.equal(await watch.look(500), undefined);
});

test('a job submitted just before the lock was taken keeps the worker, and submits go on', async () => {
  const { held, released } = lock();
  let idle = true;
  const takeLock = async () => {
    idle = false;
    return held;
  };
  const watch = makeIdleWatch({ idleMs: 100, isIdle: async () => idle, takeLock }, 0);
  assert.equal(await watch.look(500), undefined);
  assert.equal(released(), 1);
  idle = true;
  assert.equal(await watch.look(550), undefined);
});
