import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { makeKeyedMutex } from '../../../workers/locks/mutex.ts';

const never = new AbortController().signal;

test('readers share, a writer is alone, and a reader does not overtake a waiting writer', async () => {
  const mutex = makeKeyedMutex();
  const order: string[] = [];
  const first = await mutex.take('k', 'shared', never);
  const second = mutex.tryTake('k', 'shared');
  assert.ok(second !== undefined);
  const writer = mutex.take('k', 'exclusive', never).then((held) => {
    order.push('writer');
    return held;
  });
  const late = mutex.take('k', 'shared', never).then((held) => {
    order.push('reader');
    return held;
  });
  assert.equal(mutex.tryTake('k', 'shared'), undefined);
  first[Symbol.dispose]();
  await turn();
  assert.deepEqual(order, []);
  second[Symbol.dispose]();
  const held = await writer;
  await turn();
  assert.deepEqual(order, ['writer']);
  held[Symbol.dispose]();
  (await late)[Symbol.dispose]();
  assert.deepEqual(order, ['writer', 'reader']);
});

test('whoever gives up waiting lets those behind through', async () => {
  const mutex = makeKeyedMutex();
  const reader = await mutex.take('k', 'shared', never);
  const impatient = new AbortController();
  const writer = mutex.take('k', 'exclusive', impatient.signal);
  const behind = mutex.take('k', 'shared', never);
  impatient.abort(new Error('enough'));
  await assert.rejects(writer, /enough/);
  (await behind)[Symbol.dispose]();
  reader[Symbol.dispose]();
  assert.ok(mutex.tryTake('k', 'exclusive'));
});

test('releasing twice releases once', async () => {
  const mutex = makeKeyedMutex();
  const first = await mutex.take('k', 'exclusive', never);
  first[Symbol.dispose]();
  const second = await mutex.take('k', 'exclusive', never);
  first[Symbol.dispose]();
  assert.equal(mutex.tryTake('k', 'exclusive'), undefined);
  second[Symbol.dispose]();
});

test('a writer is never in with anybody, whatever comes in which order, and all get through', async () => {
  const job = fc.record({ mode: fc.constantFrom('shared' as const, 'exclusive' as const), turns: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(fc.array(job, { maxLength: 20 }), async (jobs) => {
      const mutex = makeKeyedMutex();
      let readers = 0;
      let writers = 0;
      const run = async ({ mode, turns }: (typeof jobs)[number]): Promise<void> => {
        using _held = await mutex.take('k', mode, never);
        if (mode === 'shared') readers += 1;
        else writers += 1;
        assert.ok(writers === 0 || (writers === 1 && readers === 0));
        for (let i = 0; i < turns; i += 1) await turn();
        if (mode === 'shared') readers -= 1;
        else writers -= 1;
      };
      await Promise.all(jobs.map(run));
    }),
    { numRuns: 40 },
  );
});
