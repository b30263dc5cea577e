import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { flowOrder } from '../../../src/producer/flow-order.ts';
import { planFlow, type RawFlowJob } from '../../../src/producer/flow-plan.ts';

const ping = (after?: readonly string[], payload = ''): RawFlowJob => ({
  kind: 'host.ping',
  input: { payload },
  ...(after === undefined ? {} : { after }),
});
const order = (flow: Readonly<Record<string, readonly string[]>>) =>
  flowOrder(new Map(Object.entries(flow).map(([name, after]) => [name, { after }]))).map(([name]) => name);

/** For each of up to 40 jobs, jobs of smaller number that it runs after; shuffled. */
const graphs = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 40 })
  .map((all) =>
    all.map((picks, i): [string, string[]] => [`j${i}`, i === 0 ? [] : picks.map((pick) => `j${pick % i}`)]),
  )
  .chain((entries) => fc.shuffledSubarray(entries, { minLength: entries.length }));

test('in order every job stands once, behind all those it runs after', () => {
  fc.assert(
    fc.property(graphs, (entries) => {
      const flow = Object.fromEntries(entries);
      const names = order(flow);
      assert.deepEqual([...names].sort(), Object.keys(flow).sort());
      for (const [name, after] of entries) {
        for (const before of after) assert.ok(names.indexOf(before) < names.indexOf(name));
      }
    }),
  );
});

test('a graph that is given a way back is a circle, and its jobs are named', () => {
  fc.assert(
    fc.property(graphs, fc.nat(), fc.nat(), (entries, a, b) => {
      const names = order(Object.fromEntries(entries));
      const first = names[a % names.length] ?? '';
      const second = names[b % names.length] ?? '';
      const flow = new Map(entries.map(([name, after]) => [name, [...after]]));
      flow.get(first)?.push(second);
      flow.get(second)?.push(first);
      assert.throws(() => order(Object.fromEntries(flow)), { code: 'input.invalid', message: /in a circle/ });
    }),
  );
  assert.throws(() => order({ a: [], b: ['a', 'd'], c: ['b'], d: ['c'] }), {
    message: 'jobs of the flow wait for each other in a circle: b after d after c after b',
  });
  assert.throws(() => order({ a: ['a'] }), { message: /a after a$/ });
});

test('a chain may be as long as a flow', () => {
  const chain = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`j${i}`, [`j${i + 1}`]]));
  assert.equal(order({ ...chain, j1000: [] })[0], 'j1000');
});

test('names that are not in the flow are refused, also those every object has', () => {
  assert.throws(() => order({ web: ['imge'] }), {
    message: /"web" runs after "imge", which is not in the flow/,
  });
  assert.throws(() => order({ web: ['constructor'] }), { code: 'input.invalid' });
});

test('all faulty jobs of a flow are named, and odd names and sizes refused', () => {
  const faulty = {
    good: ping(),
    bad: { kind: 'fs.rm', input: {} },
    odd: ping(undefined, 'x'.repeat(5000)),
  } as const;
  assert.throws(() => planFlow('h1', faulty, undefined, 1), {
    code: 'input.invalid',
    message: /^2 of 3 jobs of the flow are not valid.*\njob bad: .*\njob odd: .*payload/,
  });
  assert.throws(() => planFlow('h1', { 'Big Name': ping() }, undefined, 1), {
    message: /not a name in a flow/,
  });
  assert.throws(() => planFlow('h1', {}, undefined, 1), { message: /1 to 1000 jobs, not 0/ });
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`j${i}`, ping()]));
  assert.throws(() => planFlow('h1', many, undefined, 1), { code: 'input.invalid' });
});

test('a key makes the id; the digest follows the jobs and what they run after, not their order or the time', () => {
  const plan = (jobs: Record<string, RawFlowJob>, key?: string, now = 1) => planFlow('h1', jobs, key, now);
  const one = plan({ a: ping(), b: ping(), c: ping(['a', 'b']) }, 'k');
  const same = plan({ c: ping(['b', 'a']), b: ping([]), a: ping() }, 'k', 99);
  assert.deepEqual([same.id, same.digest], [one.id, one.digest]);
  assert.notEqual(plan({ a: ping(), b: ping(), c: ping(['a']) }, 'k').digest, one.digest);
  assert.notEqual(plan({ a: ping() }).id, plan({ a: ping() }).id);
  assert.match(one.id, /^f-[0-9a-z]{26}$/);
});

test('the time a job may wait in the queue is counted from when those before it have ended at the latest', () => {
  const { jobs } = planFlow(
    'h1',
    {
      image: { ...ping(), limits: { queueMs: 10, runMs: 100 } },
      other: { ...ping(), limits: { queueMs: 20, runMs: 5 } },
      web: { ...ping(['image', 'other']), limits: { queueMs: 7, runMs: 1 } },
      last: { ...ping(['web']), limits: { queueMs: 2 } },
    },
    undefined,
    1_000,
  );
  const expiry = Object.fromEntries(jobs.map(({ flow, body }) => [flow.name, body.expiresAt]));
  assert.deepEqual(expiry, { image: 1_010, other: 1_020, web: 1_117, last: 1_120 });
});
