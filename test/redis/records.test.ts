import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SdmeError, toErrorRecord } from '../../src/base/errors.ts';
import { newUlid } from '../../src/base/ulid.ts';
import { type JobState, jobStates } from '../../src/contracts/index.ts';
import { newJobBody } from '../../src/queue/envelope.ts';
import { keyPrefix, keys } from '../../src/queue/keys.ts';
import { openRecordWriter, type RecordWriter } from '../../src/queue/lifecycle.ts';
import { mayBecome } from '../../src/queue/states.ts';
import type { NewJob } from '../../src/queue/submission.ts';
import { openTransitions } from '../../src/queue/transitions.ts';
import { findStrays, sweepEnded } from '../../src/queue/upkeep.ts';
import { type Engine, startEngine } from '../helpers/job-engine.ts';
import { sleepJob, touchJob } from './fixtures/test-kinds.ts';

let engine: Engine;
let writer: RecordWriter;
before(async () => {
  engine = await startEngine();
  writer = openRecordWriter(engine.connection.commands);
});
after(() => engine[Symbol.asyncDispose]());

const input = touchJob.input.parse({});
const failure = toErrorRecord(new SdmeError('io', 'as asked'));
const delivery = (id: string) => ({ id, token: newUlid() });
const newJob = (more: Partial<Parameters<typeof newJobBody>[2]> = {}, replaces?: string): NewJob => ({
  body: newJobBody(touchJob, input, { host: engine.host, ...more }),
  subject: '-',
  attempts: 1,
  ...(replaces === undefined ? {} : { replaces }),
});
const submit = async (job: NewJob) => (await engine.submitter.submit([job]))[0];

test('an idempotency key with the same arguments leads to the first job, with others it is refused', async () => {
  const first = await engine.submit(touchJob, { text: 'a' }, { key: 'k1' });
  assert.deepEqual(await engine.submit(touchJob, { text: 'a' }, { key: 'k1' }), {
    outcome: 'existing',
    id: first.id,
  });
  assert.deepEqual(await engine.submit(touchJob, { text: 'b' }, { key: 'k1' }), {
    outcome: 'mismatch',
    id: first.id,
  });
});

test('of twenty submissions with one idempotency key at once exactly one creates a job', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => engine.submit(touchJob, { text: 'race' }, { key: 'race' })),
  );
  assert.equal(answers.filter(({ outcome }) => outcome === 'created').length, 1);
  assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
});

test('a submission repeated with the same id creates nothing', async () => {
  const id = newUlid();
  assert.equal((await engine.submit(touchJob, { text: '' }, { id })).outcome, 'created');
  assert.equal((await engine.submit(touchJob, { text: '' }, { id })).outcome, 'existing');
});

test('the script allows exactly the moves of the table', async () => {
  const transitions = openTransitions(engine.connection.commands);
  const to = (id: string, state: JobState) => transitions.move({ id, to: state, token: '', changes: [] });
  for (const from of jobStates) {
    for (const next of jobStates) {
      const { id } = await engine.submit(touchJob, { text: '' });
      if (from !== 'queued') await to(id, from);
      assert.equal((await engine.record(id)).state, from);
      await to(id, next);
      const expected = mayBecome(from, next) ? next : from;
      assert.equal((await engine.record(id)).state, expected, `${from} -> ${next}`);
      for (const state of jobStates) {
        const listed = await engine.connection.commands.zscore(keys.hostState(engine.host, state), id);
        assert.equal(listed !== null, state === expected, `index of ${state} after ${from} -> ${next}`);
      }
    }
  }
});

test('a write that is repeated because its answer was lost changes nothing', async () => {
  const { id } = await engine.submit(touchJob, { text: '' });
  const own = delivery(id);
  await writer.start(own, { attempt: 1, crashes: 0, at: 1 });
  const { revision } = await engine.record(id);
  assert.equal((await writer.start(own, { attempt: 1, crashes: 0, at: 1 })).done, 'moved');
  await writer.log(id, 'tag-1', [{ at: 1, level: 'info', message: 'once' }]);
  await writer.log(id, 'tag-1', [{ at: 1, level: 'info', message: 'once' }]);
  const record = await engine.record(id);
  assert.equal(record.revision, revision);
  assert.equal(record.logLines, 1);
  await writer.finish(own, { state: 'succeeded', result: 1 });
  const again = await writer.finish(own, { state: 'succeeded', result: 1 });
  assert.equal(again.done, 'moved');
  assert.equal((await writer.finish(delivery(id), { state: 'failed', error: failure })).done, 'refused');
  assert.equal((await engine.record(id)).state, 'succeeded');
});

test('log offsets never repeat, and a reader is told of lines that were dropped', async () => {
  const { id } = await engine.submit(touchJob, { text: '' });
  const lines = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({ at: 1, level: 'info' as const, message: `${from + i}` }));
  for (let at = 0; at < 21_000; at += 500) await writer.log(id, `t${at}`, lines(at, 500));
  const start = await engine.records.log(id, 0, 10);
  assert.equal(start?.dropped, 1_000);
  assert.deepEqual(start?.lines[0], { offset: 1_000, at: 1, level: 'info', message: '1000' });
  assert.equal(start?.next, 1_010);
  const tail = await engine.records.log(id, 20_999, 10);
  assert.deepEqual(
    tail?.lines.map(({ message }) => message),
    ['20999'],
  );
  assert.equal(tail?.dropped, 0);
  const beyond = await engine.records.log(id, 21_000, 10);
  assert.deepEqual([beyond?.lines.length, beyond?.next, beyond?.written], [0, 21_000, 21_000]);
});

test('cancelling a queued job ends it at once and takes it out of the queue', async () => {
  const { id } = await engine.submit(touchJob, { text: '' });
  const record = await engine.submitter.cancel(id);
  assert.equal(record.state, 'cancelled');
  assert.equal(record.error?.code, 'job.cancelled');
  assert.equal(await engine.connection.commands.exists(`${keyPrefix}:${engine.host}.control:${id}`), 0);
  await assert.rejects(engine.submitter.cancel(newUlid()), { code: 'not-found' });
});

test('a batch counts its jobs and bytes with every change, and a retried job takes the place of the failed', async () => {
  const batch = `b-${newUlid().toLowerCase()}`;
  const counts = () => engine.connection.commands.hgetall(keys.batchCounts(batch));
  const jobs = [0, 1].map((index) => newJob({ batch: { id: batch, index } }));
  await engine.submitter.submit(jobs);
  const [first, second] = jobs.map(({ body }) => body.id);
  assert.ok(first !== undefined && second !== undefined);
  const own = delivery(first);
  await writer.start(own, { attempt: 1, crashes: 0, at: 1 });
  const record = { step: 's', items: [] };
  await writer.progress(first, { record, bytesDone: 10, bytesTotal: 100 });
  await writer.progress(first, { record, bytesDone: 60, bytesTotal: 90 });
  assert.deepEqual(await counts(), { queued: '1', running: '1', bytesDone: '60', bytesTotal: '90' });
  await writer.finish(own, { state: 'failed', error: failure });
  assert.deepEqual(await engine.connection.commands.zrange(keys.batchFailed(batch), '0', '-1'), [first]);
  const retried = newJob({ batch: { id: batch, index: 0 }, retryOf: first }, first);
  assert.equal((await submit(retried))?.outcome, 'created');
  const late = newJob({ batch: { id: batch, index: 0 }, retryOf: first }, first);
  assert.deepEqual(await submit(late), { outcome: 'existing', id: retried.body.id });
  const { queued, failed, bytesDone } = await counts();
  assert.deepEqual([queued, failed, bytesDone], ['2', '0', '0']);
  assert.deepEqual(await engine.connection.commands.zrange(keys.batchFailed(batch), '0', '-1'), []);
  const members = await engine.records.list({ batch });
  assert.deepEqual(members.map(({ id }) => id).sort(), [second, retried.body.id].sort());
});

test('listings are newest first and meet all conditions', async () => {
  const { id } = await engine.submit(sleepJob, sleepJob.input.parse({ ms: 1, lock: 'listed' }));
  const newer = await engine.submit(touchJob, { text: '' });
  const all = await engine.records.list({ limit: 2 });
  assert.deepEqual(
    all.map((record) => record.id),
    [newer.id, id],
  );
  const [found, ...others] = await engine.records.list({ kinds: ['test.sleep'], states: ['queued'] });
  assert.equal(found?.id, id);
  assert.equal(found?.subject, 'listed');
  assert.equal(others.length, 0);
  assert.deepEqual(await engine.records.list({ since: Date.now() + 1_000 }), []);
  assert.deepEqual(await engine.records.list({ host: 'elsewhere' }), []);
});

test('retention removes ended jobs by age and by count, with all their keys, and no others', async () => {
  await using own = await startEngine();
  const redis = own.connection.commands;
  const records = openRecordWriter(redis);
  const ids: string[] = [];
  for (let i = 0; i < 6; i += 1) {
    const { id } = await own.submit(touchJob, { text: `${i}` }, { key: `r${i}` });
    await records.log(id, 't', [{ at: 1, level: 'info', message: 'x' }]);
    if (i < 5) await records.finish({ id, token: `t${i}` }, { state: 'succeeded', result: {} });
    ids.push(id);
  }
  const day = 24 * 3_600_000;
  assert.equal(await sweepEnded(redis, own.host, { maxAgeMs: day, maxCount: 3 }, Date.now()), 2);
  assert.deepEqual(
    (await own.records.list()).map(({ id }) => id),
    ids.slice(2).reverse(),
  );
  assert.equal(await sweepEnded(redis, own.host, { maxAgeMs: day, maxCount: 3 }, Date.now() + 2 * day), 3);
  assert.deepEqual(
    (await own.records.list()).map(({ id }) => id),
    ids.slice(5),
  );
  const left = (await redis.keys('*')).filter((key) => !key.startsWith(`${keyPrefix}:${own.host}.`));
  const last = ids[5] ?? '';
  assert.deepEqual(
    left.filter((key) => key.includes(':job:')).sort(),
    [keys.job(last), keys.log(last)].sort(),
  );
  assert.equal(left.filter((key) => key.includes(':idem:')).length, 1);
});

test('a record whose producer died before the queue had the job is found', async () => {
  const { id } = await engine.submit(touchJob, { text: '' });
  const missing = async () =>
    (await findStrays(engine.connection.commands, engine.host, Date.now())).missing.includes(id);
  assert.equal(await missing(), false);
  await engine.connection.commands.del(`${keyPrefix}:${engine.host}.control:${id}`);
  assert.equal(await missing(), true);
});
