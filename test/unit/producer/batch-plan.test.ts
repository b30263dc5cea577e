import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planBatch, type RawItem } from '../../../src/producer/batch-plan.ts';
import { batchEnded, batchStuck, snapshotOf } from '../../../src/producer/batch-status.ts';
import { decodeCounts } from '../../../src/queue/batches.ts';
import { derivedId } from '../../../src/queue/derived-id.ts';

const ping = (payload: string): RawItem => ({ kind: 'host.ping', input: { payload } });

test('every text gives an id of the form a batch has, and other texts give other ids', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      const id = derivedId('b', a);
      assert.match(id, /^b-[0-9a-z]{26}$/);
      assert.equal(id === derivedId('b', b), a === b);
    }),
  );
});

test('the id follows the items, their order and the host, and not the time', () => {
  const items = [ping('a'), ping('b')];
  const { id } = planBatch('h1', items, undefined, 1);
  assert.equal(planBatch('h1', [...items], undefined, 999).id, id);
  assert.notEqual(planBatch('h1', [...items].reverse(), undefined, 1).id, id);
  assert.notEqual(planBatch('h2', items, undefined, 1).id, id);
  assert.notEqual(planBatch('h1', items, 'key', 1).id, id);
  assert.equal(planBatch('h1', items, 'key', 1).id, planBatch('h1', [ping('c')], 'key', 1).id);
});

test('defaults written out and left out are the same batch', () => {
  const short: RawItem = { kind: 'fs.import', input: { source: 'docker.io/library/debian:12', name: 'd' } };
  const [job] = planBatch('h1', [short], undefined, 1).jobs;
  const long: RawItem = { kind: 'fs.import', input: job?.body.input };
  assert.equal(planBatch('h1', [long], undefined, 1).id, planBatch('h1', [short], undefined, 1).id);
});

test('each job knows its batch and its index, and has an id of its own', () => {
  const { id, jobs } = planBatch('h1', [ping('a'), ping('a')], undefined, 1);
  assert.deepEqual(
    jobs.map(({ body }) => body.batch),
    [
      { id, index: 0 },
      { id, index: 1 },
    ],
  );
  assert.notEqual(jobs[0]?.body.id, jobs[1]?.body.id);
});

test('of many faulty items twenty are named and the rest are counted', () => {
  const items = Array.from({ length: 30 }, (): RawItem => ({ kind: 'host.ping', input: { nonsense: 1 } }));
  assert.throws(() => planBatch('h1', items, undefined, 1), {
    code: 'input.invalid',
    message: /^30 of 30 items .*\nitem 1: [\s\S]*\nitem 20: .*\n… and 10 more$/,
  });
});

test('a batch has ended when all its jobs exist and have ended, and is stuck when only those that exist have', () => {
  const head = { id: 'b', host: 'h', submittedAt: 1, total: 3, items: '' };
  const look = (counts: Record<string, string>): [boolean, boolean] => {
    const snapshot = snapshotOf(head, decodeCounts(counts), []);
    return [batchEnded(snapshot.status), batchStuck(snapshot)];
  };
  assert.deepEqual(look({ succeeded: '1', failed: '1', cancelled: '1' }), [true, false]);
  assert.deepEqual(look({ succeeded: '2', running: '1' }), [false, false]);
  assert.deepEqual(look({ succeeded: '2' }), [false, true]);
  assert.deepEqual(look({ succeeded: '1', queued: '1' }), [false, false]);
  assert.deepEqual(look({}), [false, true]);
});
