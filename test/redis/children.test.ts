import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { z } from 'zod';
import type { JobRecord } from '../../src/contracts/index.ts';
import { newJobBody, sealEnvelope } from '../../src/queue/envelope.ts';
import { keys } from '../../src/queue/keys.ts';
import { readQuarantine } from '../../src/queue/quarantine.ts';
import { openBullQueues } from '../../src/queue/submission.ts';
import { type Engine, startEngine } from '../helpers/job-engine.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { parentJob } from './fixtures/parent-kind.ts';
import { failJob, sleepJob, touchJob } from './fixtures/test-kinds.ts';

let engine: Engine;
before(async () => {
  engine = await startEngine();
  // Two jobs of a queue at once, one slot: what could wait for itself, would.
  await engine.startWorker({ settings: { slots_disk: 1 }, concurrency: { control: 1, bulk: 2 } });
});
after(() => engine[Symbol.asyncDispose]());

const ends = ['succeeded', 'failed', 'cancelled'] as const;
type Request = z.output<typeof parentJob.input>['children'][number];
const sleepChild = (name: string, input: Partial<z.input<typeof sleepJob.input>> = {}): Request => ({
  name,
  kind: 'test.sleep',
  input: { ms: 30, ...input },
});
const touchChild = (name: string): Request => ({ name, kind: 'test.touch', input: {} });

function submitParent(
  children: Request[],
  more: Partial<z.input<typeof parentJob.input>> = {},
  on: Engine = engine,
): Promise<{ id: string }> {
  return on.submit(parentJob, parentJob.input.parse({ children, ...more }));
}

async function childOf(parent: string, name: string, on: Engine = engine): Promise<JobRecord> {
  const id = await waitFor(`${name} of ${parent}`, async () => (await on.record(parent)).children?.[name]);
  return on.record(id);
}

async function effects(id: string, what: string, on: Engine = engine): Promise<number> {
  return (await on.effects()).filter((effect) => effect.id === id && effect.what === what).length;
}

test('a job has the result of its child, and each names the other in its record', async () => {
  const { id } = await submitParent([sleepChild('first', { ms: 400 }), touchChild('second')]);
  const waiting = await engine.until(id, ['waiting']);
  assert.equal(waiting.waitingFor, 'child first');
  const record = await engine.until(id, ends);
  const children = [await childOf(id, 'first'), await childOf(id, 'second')];
  assert.deepEqual(
    children.map(({ state, parent }) => [state, parent]),
    [
      ['succeeded', { id, name: 'first' }],
      ['succeeded', { id, name: 'second' }],
    ],
  );
  assert.deepEqual(
    [record.state, record.result],
    ['succeeded', { results: children.map(({ result }) => result) }],
  );
});

test('a child takes the lock that its parent holds for its own, and waits for others', async () => {
  const other = await engine.submit(sleepJob, sleepJob.input.parse({ ms: 300 }));
  const { id } = await submitParent(
    [{ name: 'inner', kind: 'test.parent', input: { children: [touchChild('leaf')], lock: 'box' } }],
    { lock: 'box' },
  );
  const record = await engine.until(id, ends);
  assert.equal(record.state, 'succeeded', JSON.stringify(record.error));
  await engine.until(other.id, ends);
});

test('a child that could make two jobs wait for each other is refused before it has a record', async () => {
  const cases = [
    [sleepChild('earlier', { lock: 'tree' }), { lock: 'box' }, /comes before containers\/box/],
    [
      { name: 'stronger', kind: 'test.parent', input: { children: [], lock: 'box' } },
      { lock: 'box', mode: 'shared' },
      /holds it shared/,
    ],
    [touchChild('slotted'), { slot: 'disk' }, /holds a slot/],
  ] as const;
  for (const [child, more, why] of cases) {
    const { id } = await submitParent([child], more);
    const { state, error, children } = await engine.until(id, ends);
    assert.deepEqual([state, error?.code, children], ['failed', 'internal', undefined]);
    assert.match(error?.message ?? '', why);
  }
});

test('jobs that all wait for children need no place for these in the queue', async () => {
  const parents = await Promise.all(
    Array.from({ length: 6 }, () => submitParent([sleepChild('a', { slot: 'disk' }), sleepChild('b')])),
  );
  for (const { id } of parents) assert.equal((await engine.until(id, ends)).state, 'succeeded');
});

test('the failure of a child, after its own attempts, is the cause of its parent’s', async () => {
  const { id } = await submitParent([{ name: 'bad', kind: 'test.fail', input: { code: 'oci.network' } }]);
  const { state, error } = await engine.until(id, ends);
  const child = await childOf(id, 'bad');
  assert.deepEqual([child.state, child.attempt], ['failed', failJob.retry.attempts]);
  assert.deepEqual([state, error?.code, error?.retryable], ['failed', 'job.child-failed', false]);
  assert.deepEqual(error?.facts, { job: child.id, code: 'oci.network' });
  assert.deepEqual(error?.causes, ['as asked']);
  const again = await submitParent([
    { name: 'mended', kind: 'test.fail', input: { code: 'oci.network', times: 1 } },
  ]);
  assert.equal((await engine.until(again.id, ends)).state, 'succeeded');
});

test('bad input of a child is the parent’s own failure, and leaves no record', async () => {
  const { id } = await submitParent([{ name: 'odd', kind: 'test.sleep', input: { ms: 'x' } }]);
  const { error, children } = await engine.until(id, ends);
  assert.deepEqual([error?.code, children], ['input.invalid', undefined]);
  const none = await submitParent([{ name: 'odd', kind: 'test.none', input: {} }]);
  assert.equal((await engine.until(none.id, ends)).error?.code, 'job.kind-unknown');
});

test('the same name is the same child, and must have the same arguments', async () => {
  const same = await submitParent([sleepChild('one'), sleepChild('one')], { how: 'at once' });
  assert.equal((await engine.until(same.id, ends)).state, 'succeeded');
  assert.equal(await effects((await childOf(same.id, 'one')).id, 'effect'), 1);
  const other = await submitParent([sleepChild('one'), sleepChild('one', { ms: 31 })], { how: 'at once' });
  assert.equal((await engine.until(other.id, ends)).error?.code, 'job.idempotency-mismatch');
});

test('cancel of a job ends its children first, and they are gone when it is', async () => {
  const { id } = await submitParent([sleepChild('slow', { ms: 60_000, undoMs: 400 }), touchChild('next')], {
    lock: 'box',
  });
  const child = await childOf(id, 'slow');
  await engine.until(child.id, ['running']);
  await engine.submitter.cancel(id);
  assert.equal((await engine.until(child.id, ['cancelling', 'cancelled'])).state, 'cancelling');
  assert.equal((await engine.record(id)).state, 'cancelling');
  const record = await engine.until(id, ends);
  const ended = await engine.record(child.id);
  assert.deepEqual([record.state, ended.state], ['cancelled', 'cancelled']);
  assert.match(ended.error?.message ?? '', /together with its parent/);
  assert.ok((ended.endedAt ?? 0) <= (record.endedAt ?? 0));
  assert.equal(await effects(child.id, 'undone'), 1);
  assert.equal(record.children?.next, undefined);
});

test('a child that is cancelled by itself fails its parent', async () => {
  const { id } = await submitParent([sleepChild('slow', { ms: 60_000 })]);
  const child = await childOf(id, 'slow');
  await engine.until(child.id, ['running']);
  await engine.submitter.cancel(child.id);
  const { state, error } = await engine.until(id, ends);
  assert.deepEqual([state, error?.code, error?.facts?.code], ['failed', 'job.child-failed', 'job.cancelled']);
});

test('children that a handler did not wait for end with it, and so do the others when one fails', async () => {
  const { id } = await submitParent([sleepChild('left', { ms: 60_000 })], { how: 'forget', ms: 300 });
  assert.equal((await engine.until(id, ends)).state, 'succeeded');
  assert.equal((await childOf(id, 'left')).state, 'cancelled');
  const two = await submitParent(
    [sleepChild('long', { ms: 60_000 }), { name: 'bad', kind: 'test.fail', input: { code: 'io' } }],
    { how: 'at once' },
  );
  assert.equal((await engine.until(two.id, ends)).error?.code, 'job.child-failed');
  assert.equal((await childOf(two.id, 'long')).state, 'cancelled');
});

test('a child in a queue is no job of ours', async () => {
  const body = newJobBody(
    touchJob,
    { text: '' },
    { host: engine.host, parent: { id: '01JDZ3V8K6M2T0Q4R6W8Y0A2C4', name: 'x' } },
  );
  const queues = openBullQueues(engine.connection.commands);
  await queues.add([{ host: 'h1', queue: 'control', id: body.id, kind: 'x', envelope: sealEnvelope(body) }]);
  await waitFor('it to be set aside', async () =>
    (await readQuarantine(engine.connection.commands)).some(
      (note) => note.id === body.id && /children do not come out of a queue/.test(note.why),
    ),
  );
  await queues.close();
});

test('a job whose worker was killed finds the children it had: ended ones are not run again', async () => {
  await using own = await startEngine();
  const first = await own.startWorker();
  const children = [sleepChild('short', { lock: 'x' }), sleepChild('long', { ms: 1_000, lock: 'y' })];
  const { id } = await submitParent(children, {}, own);
  const long = await childOf(id, 'long', own);
  await own.until(long.id, ['running']);
  first.kill('SIGKILL');
  await first.ended;
  await own.startWorker();
  const record = await own.until(id, ends);
  assert.deepEqual([record.state, record.crashes], ['succeeded', 1]);
  const short = await childOf(id, 'short', own);
  const again = await childOf(id, 'long', own);
  assert.equal(again.id, long.id);
  assert.deepEqual([again.state, again.crashes], ['succeeded', 1]);
  assert.deepEqual([await effects(short.id, 'begin', own), await effects(long.id, 'begin', own)], [1, 2]);
  assert.deepEqual([await effects(short.id, 'effect', own), await effects(long.id, 'effect', own)], [1, 1]);
});

test('a worker that stops hands back parent and child; the next one brings both to their end', async () => {
  await using own = await startEngine();
  const first = await own.startWorker({ settings: { shutdown_grace: 0 } });
  const { id } = await submitParent([sleepChild('slow', { ms: 1_500, undoMs: 100 })], { lock: 'box' }, own);
  const child = await childOf(id, 'slow', own);
  await own.until(child.id, ['running']);
  first.kill('SIGTERM');
  assert.equal((await first.ended).reason, 'stopped');
  assert.deepEqual([(await own.record(id)).state, (await own.record(child.id)).state], ['queued', 'queued']);
  await own.startWorker();
  const record = await own.until(id, ends);
  assert.deepEqual([record.state, record.crashes, record.attempt], ['succeeded', 0, 1]);
  assert.deepEqual(
    [(await own.record(child.id)).state, (await own.record(child.id)).crashes],
    ['succeeded', 0],
  );
});

test('a child whose parent was cancelled while no worker lived is cancelled too', async () => {
  await using own = await startEngine();
  const first = await own.startWorker();
  const { id } = await submitParent([sleepChild('slow', { ms: 60_000 })], {}, own);
  const child = await childOf(id, 'slow', own);
  await own.until(child.id, ['running']);
  first.kill('SIGKILL');
  await first.ended;
  await own.submitter.cancel(id);
  await own.startWorker();
  assert.equal((await own.until(id, ends)).state, 'cancelled');
  assert.equal((await own.until(child.id, ends)).state, 'cancelled');
  assert.equal(await effects(child.id, 'begin', own), 1);
  assert.equal(await own.connection.commands.exists(keys.job(child.id)), 1);
});
