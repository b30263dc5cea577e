import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newUlid } from '../../src/base/ulid.ts';
import { createRecord } from '../../src/queue/create-record.ts';
import { newJobBody, sealEnvelope } from '../../src/queue/envelope.ts';
import { keyPrefix } from '../../src/queue/keys.ts';
import { readQuarantine } from '../../src/queue/quarantine.ts';
import { bullJobOptions, openBullQueues } from '../../src/queue/submission.ts';
import { type Engine, startEngine, type TestWorker } from '../helpers/job-engine.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { chatterJob, failJob, sleepJob, touchJob } from './fixtures/test-kinds.ts';

let engine: Engine;
let worker: TestWorker;
before(async () => {
  engine = await startEngine();
  worker = await engine.startWorker({ settings: { slots_disk: 1 } });
});
after(() => engine[Symbol.asyncDispose]());

const sleep = (more: Partial<ReturnType<typeof sleepJob.input.parse>> & object) =>
  sleepJob.input.parse({ ms: 50, ...more });
const bullKey = (name: string): string => `${keyPrefix}:h1.control:${name}`;
const ends = ['succeeded', 'failed', 'cancelled'] as const;
const effectsOf = async (id: string, what: string) =>
  (await engine.effects()).filter((effect) => effect.id === id && effect.what === what);

test('a job runs once and its checked result is in the record', async () => {
  const { id } = await engine.submit(sleepJob, sleep({ ms: 30 }));
  const record = await engine.until(id, ends);
  assert.equal(record.state, 'succeeded');
  assert.deepEqual(record.result, { id });
  assert.equal(record.attempt, 1);
  assert.equal(record.progress.items[0]?.done, 30);
  assert.equal((await effectsOf(id, 'effect')).length, 1);
  const gone = async () => !(await engine.connection.commands.exists(`${keyPrefix}:h1.bulk:${id}`));
  await waitFor('BullMQ to forget it', gone);
});

test('a retryable error is tried again, up to the attempts of the kind', async () => {
  const { id } = await engine.submit(failJob, { code: 'oci.network', times: 2 });
  const record = await engine.until(id, ends);
  assert.deepEqual([record.state, record.attempt], ['succeeded', 3]);
  const hopeless = await engine.submit(failJob, { code: 'oci.network', times: 100 });
  const failed = await engine.until(hopeless.id, ends);
  assert.deepEqual([failed.state, failed.attempt, failed.error?.code], ['failed', 3, 'oci.network']);
});

test('a job that is cancelled as it is put off until a later attempt does not wait for that', async () => {
  const redis = engine.connection.commands;
  const { id } = await engine.submit(failJob, { code: 'oci.network', times: 1, retryAfterMs: 300_000 });
  const bull = `${keyPrefix}:h1.bulk`;
  await waitFor('it to be put off', async () => (await redis.zscore(`${bull}:delayed`, id)) !== null);
  // As it was a moment before: the record let go of the job, and BullMQ had not.
  await redis.set(`${bull}:${id}:lock`, 'token');
  assert.equal((await engine.submitter.cancel(id)).state, 'cancelling');
  await redis.del(`${bull}:${id}:lock`);
  assert.equal((await engine.until(id, ends)).state, 'cancelled');
  await waitFor('BullMQ to forget it', async () => !(await redis.exists(`${bull}:${id}`)));
});

test('an error that repetition does not mend is not repeated', async () => {
  const { id } = await engine.submit(failJob, { code: 'input.invalid', times: 100 });
  const record = await engine.until(id, ends);
  assert.deepEqual([record.state, record.attempt, record.error?.code], ['failed', 1, 'input.invalid']);
  assert.equal((await effectsOf(id, 'begin')).length, 1);
});

test('log lines come in order, each offset once, and are all there when the job has ended', async () => {
  const { id } = await engine.submit(chatterJob, { lines: 5_000, items: 3 });
  const record = await engine.until(id, ends);
  assert.equal(record.logLines, 5_000);
  const all = [];
  for (let next = 0; next < 5_000; ) {
    const slice = await engine.records.log(id, next);
    assert.ok(slice !== undefined && slice.lines.length > 0);
    all.push(...slice.lines);
    next = slice.next;
  }
  assert.deepEqual(
    all.map(({ offset, message }) => [offset, message]),
    all.map((_line, i) => [i, `line ${i}`]),
  );
  assert.deepEqual(
    record.progress.items.map(({ done, end }) => [done, end]),
    [
      [5_000, 'done'],
      [5_000, 'done'],
      [5_000, 'done'],
    ],
  );
});

test('two jobs that lock the same run one after the other; the second says what it waits for', async () => {
  const first = await engine.submit(sleepJob, sleep({ ms: 60_000, undoMs: 100, lock: 'debian' }));
  await engine.until(first.id, ['running']);
  const second = await engine.submit(sleepJob, sleep({ ms: 30, lock: 'debian' }));
  const waiting = await engine.until(second.id, ['waiting']);
  assert.equal(waiting.waitingFor, 'lock fs/debian');
  await engine.submitter.cancel(first.id);
  assert.equal((await engine.until(second.id, ends)).state, 'succeeded');
  const [end] = await effectsOf(first.id, 'undone');
  const [begin] = await effectsOf(second.id, 'begin');
  assert.ok(end !== undefined && begin !== undefined && begin.at >= end.at);
});

test('a job that waits for a slot says so, and goes on when it has one', async () => {
  const first = await engine.submit(sleepJob, sleep({ ms: 60_000, slot: 'disk' }));
  await engine.until(first.id, ['running']);
  const second = await engine.submit(sleepJob, sleep({ ms: 1_000, slot: 'disk' }));
  assert.equal((await engine.until(second.id, ['waiting'])).waitingFor, 'slot disk');
  await engine.submitter.cancel(first.id);
  assert.equal((await engine.until(second.id, ['running'])).waitingFor, undefined);
  assert.equal((await engine.until(second.id, ends)).state, 'succeeded');
});

test('a running job that is cancelled is cancelled only after it has undone its work', async () => {
  const { id } = await engine.submit(sleepJob, sleep({ ms: 60_000, undoMs: 300 }));
  await waitFor('the handler to begin', async () => (await effectsOf(id, 'begin')).length === 1);
  assert.equal((await engine.submitter.cancel(id)).state, 'cancelling');
  const record = await engine.until(id, ends);
  assert.deepEqual([record.state, record.error?.code], ['cancelled', 'job.cancelled']);
  const [undone] = await effectsOf(id, 'undone');
  assert.ok(undone !== undefined && record.endedAt !== undefined && record.endedAt >= undone.at);
  assert.equal((await effectsOf(id, 'effect')).length, 0);
});

test('a job that waits for a lock can be cancelled, and never begins', async () => {
  const first = await engine.submit(sleepJob, sleep({ ms: 60_000, lock: 'held' }));
  await engine.until(first.id, ['running']);
  const { id } = await engine.submit(sleepJob, sleep({ lock: 'held' }));
  await engine.until(id, ['waiting']);
  await engine.submitter.cancel(id);
  assert.equal((await engine.until(id, ends)).state, 'cancelled');
  assert.equal((await engine.record(first.id)).state, 'running');
  await engine.submitter.cancel(first.id);
  await engine.until(first.id, ends);
  assert.equal((await effectsOf(id, 'begin')).length, 0);
});

test('a job that came to its end although it was cancelled has succeeded, as that is what happened', async () => {
  const { id } = await engine.submit(sleepJob, sleep({ ms: 1_000, stubborn: true }));
  await engine.until(id, ['running']);
  await engine.submitter.cancel(id);
  assert.equal((await engine.until(id, ends)).state, 'succeeded');
});

test('a job over its run limit, or silent for too long, is ended and says which', async () => {
  const slow = await engine.submit(sleepJob, sleep({ ms: 60_000 }), { limits: { runMs: 200 } });
  assert.equal((await engine.until(slow.id, ends)).error?.code, 'job.run-timeout');
  const silent = await engine.submit(sleepJob, sleep({ ms: 60_000, silent: true }), {
    limits: { noProgressMs: 200 },
  });
  assert.equal((await engine.until(silent.id, ends)).error?.code, 'job.no-progress');
});

test('a job of a kind the worker does not know fails and says so', async () => {
  const strange = { ...touchJob, kind: 'test.strange' };
  const { id } = await engine.submit(strange, { text: '' });
  assert.equal((await engine.until(id, ends)).error?.code, 'job.kind-unknown');
});

test('a job whose arguments do not meet the schema fails as bad input', async () => {
  const body = newJobBody(touchJob, { text: '' }, { host: engine.host });
  const broken = { ...body, input: { text: 1, __proto__: null } };
  await engine.submitter.submit([{ body: broken, subject: '-', attempts: 1 }]);
  assert.equal((await engine.until(body.id, ends)).error?.code, 'input.invalid');
});

test('junk in the queue is set aside with the reason, and the queue goes on', async () => {
  const redis = engine.connection.commands;
  const queues = openBullQueues(redis);
  const other = sealEnvelope(newJobBody(touchJob, { text: '' }, { host: 'other' }));
  const junk = {
    noEnvelope: newUlid(),
    otherHost: newUlid(),
    badData: newUlid(),
    badOpts: newUlid(),
    list: newUlid(),
  };
  const add = (id: string, data: unknown) =>
    queues.add([{ host: 'h1', queue: 'control', id, kind: 'x', envelope: data as typeof other }]);
  await add(junk.noEnvelope, { hello: 1 });
  await add(junk.otherHost, other);
  for (const [id, field, value] of [
    [junk.badData, 'data', '{broken'],
    [junk.badOpts, 'opts', 'null'],
  ] as const) {
    await redis.hset(bullKey(id), { name: 'x', data: '{}', opts: '{}', timestamp: 1 });
    await redis.hset(bullKey(id), field, value);
    await redis.lpush(bullKey('wait'), id);
  }
  await redis.lpush(bullKey(junk.list), 'x');
  await redis.lpush(bullKey('wait'), junk.list);
  const { id } = await engine.submit(touchJob, { text: 'after' });
  assert.equal((await engine.until(id, ends)).state, 'succeeded');
  const notes = await waitFor('all junk to be set aside', async () => {
    const found = await readQuarantine(redis);
    return Object.values(junk).every((one) => found.some((note) => note.id === one)) && found;
  });
  const why = (one: string) => notes.find((note) => note.id === one)?.why ?? '';
  assert.match(why(junk.noEnvelope), /no envelope/);
  assert.match(why(junk.otherHost), /it is for id/);
  assert.match(why(junk.badData), /field data/);
  assert.match(why(junk.badOpts), /field opts/);
  assert.match(why(junk.list), /is a list/);
  assert.deepEqual(await redis.lrange(bullKey('active'), 0, -1), []);
  await queues.close();
});

test('a job that never reached the queue is put there', async () => {
  const body = newJobBody(touchJob, { text: '' }, { host: engine.host, now: Date.now() - 10_000 });
  // What is left of a producer that dies before it has told BullMQ.
  const job = { body, subject: '-', attempts: 1 };
  await createRecord(engine.connection.commands, job, sealEnvelope(body));
  const { state, error } = await engine.until(body.id, ends);
  assert.deepEqual([state, error], ['succeeded', undefined]);
});

test('a job whose data in the queue were spoilt is set aside there, and put there again', async () => {
  const redis = engine.connection.commands;
  const body = newJobBody(touchJob, { text: '' }, { host: engine.host, now: Date.now() - 10_000 });
  await redis.hset(bullKey(body.id), { name: 'x', data: '{broken', opts: '{}', timestamp: 1 });
  // BullMQ has a job of this id, so the submitter's changes nothing there.
  await engine.submitter.submit([{ body, subject: '-', attempts: 1 }]);
  await redis.lpush(bullKey('wait'), body.id);
  // Wakes whoever waits for a job.
  await engine.submit(touchJob, { text: '' });
  const { state, error } = await engine.until(body.id, ends);
  assert.deepEqual([state, error], ['succeeded', undefined]);
  const note = (await readQuarantine(redis)).find(({ id }) => id === body.id);
  assert.match(note?.why ?? '', /field data/);
  assert.equal((await effectsOf(body.id, 'effect')).length, 1);
});

test('a job that waited longer than it may fails, and its work is not done', async () => {
  const blocker = await engine.submit(sleepJob, sleep({ ms: 600, lock: 'late' }));
  await engine.until(blocker.id, ['running']);
  const body = newJobBody(sleepJob, sleep({}), {
    host: engine.host,
    now: Date.now() - 5_000,
    limits: { queueMs: 1_000 },
  });
  await engine.submitter.submit([{ body, subject: '-', attempts: 1 }]);
  const record = await engine.until(body.id, ends);
  assert.deepEqual([record.state, record.error?.code], ['failed', 'job.queue-timeout']);
  assert.equal((await effectsOf(body.id, 'begin')).length, 0);
});

test('BullMQ keeps nothing of ended jobs', async () => {
  assert.deepEqual(bullJobOptions('x'), { jobId: 'x', removeOnComplete: true, removeOnFail: true });
  const quiet = async () => {
    const live = await engine.records.count('h1', ['queued', 'waiting', 'running', 'cancelling']);
    const found = await engine.connection.commands.keys(`${keyPrefix}:h1.*:0*`);
    return live === 0 && found.length === 0;
  };
  await waitFor('nothing to be left', quiet);
  worker.kill('SIGTERM');
  assert.equal((await worker.ended).reason, 'stopped');
});
