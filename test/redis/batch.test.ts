import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planBatch } from '../../src/producer/batch-plan.ts';
import type { BatchItem, BatchStatus } from '../../src/producer/index.ts';
import { openBatches } from '../../src/queue/batches.ts';
import { keys } from '../../src/queue/keys.ts';
import { openSubmitter } from '../../src/queue/submission.ts';
import { sweepEnded } from '../../src/queue/upkeep.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { openPuppet, type Puppet } from './fixtures/puppet.ts';

const pings = (count: number): BatchItem<'host.ping'>[] =>
  Array.from({ length: count }, (_, i) => ({ kind: 'host.ping', input: { payload: `item ${i}` } }));

/** The batch's jobs by index. */
const jobsOf = async (stage: Puppet, id: string): Promise<string[]> =>
  (await openBatches(stage.connection).members(id)).map(({ job }) => job);

test('a batch of 10,000 submitted twice is one batch with 10,000 jobs', async (t) => {
  await using stage = await openPuppet();
  const before = performance.now();
  const first = await stage.client.batch.submit(pings(10_000));
  t.diagnostic(`10,000 jobs submitted in ${Math.round(performance.now() - before)} ms`);
  assert.match(first.id, /^b-[0-9a-z]{26}$/);
  assert.equal(first.existing, false);
  const again = performance.now();
  const second = await stage.client.batch.submit(pings(10_000));
  t.diagnostic(`again in ${Math.round(performance.now() - again)} ms`);
  assert.deepEqual(second, { id: first.id, existing: true });
  assert.equal(await stage.connection.commands.zcard(keys.hostJobs('test-host')), 10_000);
  assert.equal(await stage.connection.commands.llen('{sdme}:test-host.control:wait'), 10_000);
  const looking = performance.now();
  const status = await stage.client.batch.status(first.id);
  t.diagnostic(`status in ${(performance.now() - looking).toFixed(1)} ms`);
  assert.equal(status.total, 10_000);
  assert.equal(status.states.queued, 10_000);
  const cancelling = performance.now();
  const cancelled = await stage.client.batch.cancel(first.id);
  t.diagnostic(`cancelled in ${Math.round(performance.now() - cancelling)} ms`);
  assert.equal(cancelled.states.cancelled, 10_000);
});

test('faulty items are all named, and nothing at all is submitted', async () => {
  await using stage = await openPuppet();
  const items = pings(100);
  for (const index of [3, 70]) items[index] = { kind: 'host.ping', input: { payload: 'x'.repeat(5_000) } };
  await assert.rejects(stage.client.batch.submit(items), {
    code: 'input.invalid',
    message: /^2 of 100 items are not valid, so none was submitted:\nitem 4: .*\nitem 71: /,
  });
  await assert.rejects(stage.client.batch.submit([]), { code: 'input.invalid' });
  await assert.rejects(stage.client.batch.submit(pings(10_001)), {
    code: 'input.invalid',
    message: /at most 10000/,
  });
  assert.equal(await stage.connection.commands.dbsize(), 0);
});

test('a submit that broke off is completed by running it again', async () => {
  await using stage = await openPuppet();
  const plan = planBatch('test-host', pings(1_000), undefined, Date.now());
  const { id, host, submittedAt, items } = plan;
  await openBatches(stage.connection).create({ id, host, submittedAt, items, total: 1_000 });
  const submitter = openSubmitter(stage.connection);
  await submitter.submit(plan.jobs.filter((_job, index) => index % 3 === 0));
  await submitter.close();
  assert.equal((await stage.client.batch.status(id)).states.queued, 334);
  const completed = await stage.client.batch.submit(pings(1_000));
  assert.deepEqual(completed, { id, existing: true });
  assert.equal((await stage.client.batch.status(id)).states.queued, 1_000);
  assert.equal(new Set(await jobsOf(stage, id)).size, 1_000);
});

test('of a batch whose submit broke off, jobs that retention took are not submitted again', async () => {
  await using stage = await openPuppet();
  const plan = planBatch('test-host', pings(100), undefined, Date.now());
  const { id, host, submittedAt, items } = plan;
  await openBatches(stage.connection).create({ id, host, submittedAt, items, total: 100 });
  const submitter = openSubmitter(stage.connection);
  await submitter.submit(plan.jobs.slice(0, 60));
  await submitter.close();
  const jobs = await jobsOf(stage, id);
  for (const job of jobs.slice(10, 15)) {
    await stage.begin(job);
    await stage.succeed(job);
  }
  const all = { maxAgeMs: Number.MAX_SAFE_INTEGER, maxCount: 0 };
  assert.equal(await sweepEnded(stage.connection.commands, 'test-host', all, Date.now()), 5);
  await stage.client.batch.submit(pings(100));
  const { states } = await stage.client.batch.status(id);
  assert.deepEqual([states.queued, states.succeeded], [95, 5]);
  assert.equal((await jobsOf(stage, id)).length, 95);
});

test('cancelled jobs of a batch are run again in their places', async () => {
  await using stage = await openPuppet();
  const { batch } = stage.client;
  const { id } = await batch.submit(pings(3));
  const [a = '', b = ''] = await jobsOf(stage, id);
  await stage.begin(a);
  await stage.fail(a);
  await stage.begin(b);
  await stage.succeed(b);
  await batch.cancel(id);
  assert.equal(await batch.retryCancelled(id), 1);
  assert.equal(await batch.retryCancelled(id), 0);
  const { states } = await batch.status(id);
  assert.deepEqual([states.queued, states.succeeded, states.failed, states.cancelled], [1, 1, 1, 0]);
});

test('two who submit the same batch at once make its jobs once', async () => {
  await using stage = await openPuppet();
  const clients = [stage.client, await stage.another(), await stage.another()];
  const answers = await Promise.all(clients.map((client) => client.batch.submit(pings(1_500))));
  const [id = ''] = answers.map((answer) => answer.id);
  assert.equal(answers.filter(({ existing }) => !existing).length, 1);
  assert.equal((await stage.client.batch.status(id)).states.queued, 1_500);
  assert.equal((await stage.client.list()).length, 1_500);
});

test('a key names the batch, and belongs to its items', async () => {
  await using stage = await openPuppet();
  const { batch } = stage.client;
  const plain = await batch.submit(pings(3));
  const keyed = await batch.submit(pings(3), { key: 'nightly' });
  assert.notEqual(keyed.id, plain.id);
  assert.deepEqual(await batch.submit(pings(3), { key: 'nightly' }), { id: keyed.id, existing: true });
  await assert.rejects(batch.submit(pings(4), { key: 'nightly' }), { code: 'job.idempotency-mismatch' });
});

test('counts, failures and bytes follow the jobs, and failed jobs are replaced when they are run again', async () => {
  await using stage = await openPuppet();
  const { batch } = stage.client;
  const { id } = await batch.submit(pings(4));
  const [a = '', b = '', c = '', d = ''] = await jobsOf(stage, id);
  for (const job of [a, b, c]) await stage.begin(job);
  const record = { step: 'download', items: [] };
  await stage.writer.progress(a, { record, bytesDone: 10, bytesTotal: 100 });
  await stage.writer.progress(a, { record, bytesDone: 60, bytesTotal: 100 });
  await stage.writer.progress(b, { record, bytesDone: 5, bytesTotal: 50 });
  let status = await batch.status(id);
  assert.deepEqual([status.bytesDone, status.bytesTotal], [65, 150]);
  assert.deepEqual([status.states.running, status.states.queued], [3, 1]);
  await stage.succeed(a);
  await stage.fail(b, 'no route');
  await stage.fail(c, 'no disk');
  await stage.client.cancel(d);
  status = await batch.status(id);
  assert.deepEqual(
    status.failures.map(({ index, job, error }) => [index, job, error.message]),
    [
      [1, b, 'no route'],
      [2, c, 'no disk'],
    ],
  );
  assert.deepEqual(
    [status.states.succeeded, status.states.failed, status.states.cancelled, status.states.running],
    [1, 2, 1, 0],
  );
  assert.equal(await batch.retryFailed(id), 2);
  assert.equal(await batch.retryFailed(id), 0);
  status = await batch.status(id);
  assert.deepEqual([status.states.failed, status.states.queued, status.failures.length], [0, 2, 0]);
  assert.deepEqual([status.bytesDone, status.bytesTotal], [60, 100]);
  const [, b2 = '', c2 = ''] = await jobsOf(stage, id);
  assert.equal((await stage.client.show(b2)).retryOf, b);
  await stage.begin(b2);
  await stage.fail(b2, 'still no route');
  assert.deepEqual(
    (await batch.status(id)).failures.map(({ job }) => job),
    [b2],
  );
  const one = await stage.client.retry(b2);
  assert.deepEqual((await jobsOf(stage, id))[1], one.id);
  for (const job of [one.id, c2]) {
    await stage.begin(job);
    await stage.succeed(job);
  }
  status = await batch.status(id);
  assert.deepEqual([status.states.succeeded, status.states.cancelled, status.states.failed], [3, 1, 0]);
  assert.equal(
    Object.values(status.states).reduce((sum, count) => sum + count, 0),
    4,
  );
});

test('a watch of a batch ends with the status in which all have ended, also across a restart', async () => {
  await using stage = await openPuppet();
  const { id } = await stage.client.batch.submit(pings(20));
  const seen: BatchStatus[] = [];
  const watching = (async () => {
    for await (const status of stage.client.batch.watch(id)) seen.push(status);
  })();
  const waiting = stage.client.batch.wait(id);
  await waitFor('the first status', () => seen.length > 0);
  const jobs = await jobsOf(stage, id);
  for (const [i, job] of jobs.entries()) {
    await stage.begin(job);
    if (i % 5 === 0) await stage.fail(job);
    else await stage.succeed(job);
    if (i === 10) {
      await stage.server.kill();
      await stage.server.start();
    }
  }
  const end = await waiting;
  await watching;
  assert.deepEqual([end.states.succeeded, end.states.failed], [16, 4]);
  assert.deepEqual(seen.at(-1), end);
  assert.equal(end.failures.length, 4);
});

test('an unknown batch is not found', async () => {
  await using stage = await openPuppet();
  const id = `b-${'0'.repeat(26)}`;
  const missing = { code: 'not-found', message: `batch not found: ${id}` };
  await assert.rejects(stage.client.batch.status(id), missing);
  await assert.rejects(stage.client.batch.wait(id), missing);
  await assert.rejects(stage.client.batch.cancel(id), missing);
  await assert.rejects(stage.client.batch.retryFailed(id), missing);
  await assert.rejects(stage.client.batch.retryCancelled(id), missing);
});
