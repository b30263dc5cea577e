import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { FlowJob } from '../../src/producer/index.ts';
import { bullJobKey, keyPrefix, keys } from '../../src/queue/keys.ts';
import { findStrays, giveUp, sweepEnded } from '../../src/queue/upkeep.ts';
import { openPuppet, type Puppet } from './fixtures/puppet.ts';

let stage: Puppet;
before(async () => {
  stage = await openPuppet();
});
beforeEach(() => stage.connection.commands.flushall());
after(() => stage[Symbol.asyncDispose]());

const host = 'test-host';
const ping = <const Name extends string = never>(after?: readonly Name[], payload = ''): FlowJob<Name> => ({
  kind: 'host.ping',
  input: { payload },
  ...(after === undefined ? {} : { after }),
});
/** Two ways from `image` to `pod`. */
const diamond = () =>
  stage.client.submitFlow({
    image: ping(),
    web: ping(['image']),
    db: ping(['image']),
    pod: ping(['web', 'db']),
  });
const states = async (jobs: Readonly<Record<string, string>>): Promise<Record<string, string>> => {
  const records = await Promise.all(
    Object.entries(jobs).map(async ([name, id]) => [name, await stage.client.show(id)] as const),
  );
  return Object.fromEntries(
    records.map(([name, { state, waitingFor }]) => [name, [state, waitingFor].filter(Boolean).join(' ')]),
  );
};
const inBullmq = async (id: string): Promise<boolean> =>
  (await stage.connection.commands.exists(bullJobKey(host, 'control', id))) === 1;
const run = async (id: string): Promise<void> => {
  await stage.begin(id);
  await stage.succeed(id);
};

test('a job of a flow waits, outside of any queue, until all those it runs after have succeeded', async () => {
  const { id, jobs, existing } = await diamond();
  assert.equal(existing, false);
  assert.deepEqual(await states(jobs), {
    image: 'queued',
    web: 'waiting after image',
    db: 'waiting after image',
    pod: 'waiting after web, db',
  });
  assert.deepEqual([await inBullmq(jobs.image), await inBullmq(jobs.web)], [true, false]);
  const web = await stage.client.show(jobs.web);
  assert.deepEqual([web.flow, web.after], [{ id, name: 'web' }, { image: jobs.image }]);
  await run(jobs.image);
  assert.deepEqual(await states(jobs), {
    image: 'succeeded',
    web: 'queued',
    db: 'queued',
    pod: 'waiting after web, db',
  });
  await run(jobs.web);
  assert.equal((await states(jobs)).pod, 'waiting after db');
  await run(jobs.db);
  assert.equal((await states(jobs)).pod, 'queued');
  const listed = await stage.client.list({ flow: id });
  assert.deepEqual(listed.map((record) => record.id).sort(), Object.values(jobs).sort());
});

test('a flow that is not valid is refused before anything is written', async () => {
  const { client, connection } = stage;
  const bad = { image: ping(), web: ping(['image'], 'x'.repeat(5_000)) };
  await assert.rejects(client.submitFlow(bad), { code: 'input.invalid', message: /job web: .*payload/ });
  // @ts-expect-error: the name of a job that is not in the flow does not compile either.
  await assert.rejects(client.submitFlow({ web: ping(['imge']) }), {
    code: 'input.invalid',
    message: /imge/,
  });
  await assert.rejects(client.submitFlow({ a: ping(['b']), b: ping(['a']) }), { message: /in a circle/ });
  assert.equal(await connection.commands.dbsize(), 0);
});

test('when a job fails all those after it fail with it, and name it; others of the flow go on', async () => {
  const { jobs } = await stage.client.submitFlow({
    image: ping(),
    other: ping(),
    web: ping(['image', 'other']),
    pod: ping(['web']),
    apart: ping(['other']),
  });
  await stage.begin(jobs.image);
  await stage.fail(jobs.image, 'no such image');
  for (const id of [jobs.web, jobs.pod]) {
    const { state, error, endedAt, waitingFor } = await stage.client.show(id);
    assert.deepEqual([state, error?.code, error?.retryable], ['failed', 'job.dependency-failed', false]);
    assert.equal(error?.message, `not run, as job ${jobs.image} (image of its flow) failed`);
    assert.deepEqual([error?.causes, error?.facts], [['no such image'], { job: jobs.image, code: 'io' }]);
    assert.ok(endedAt !== undefined && waitingFor === undefined);
  }
  await run(jobs.other);
  assert.deepEqual(await states(jobs), {
    image: 'failed',
    other: 'succeeded',
    web: 'failed',
    pod: 'failed',
    apart: 'queued',
  });
  await assert.rejects(stage.client.result('host.ping', jobs.pod), { code: 'job.dependency-failed' });
});

test('cancel reaches the jobs after a cancelled one, running or not begun, and those that wait', async () => {
  const queued = (await diamond()).jobs;
  await stage.client.cancel(queued.image);
  assert.deepEqual(await states(queued), { image: 'cancelled', web: 'failed', db: 'failed', pod: 'failed' });
  const { error } = await stage.client.show(queued.pod);
  assert.deepEqual(
    [error?.code, error?.facts],
    ['job.dependency-failed', { job: queued.image, code: 'job.cancelled' }],
  );
  assert.match(error?.message ?? '', /was cancelled$/);

  const waiting = (await diamond()).jobs;
  await stage.client.cancel(waiting.web);
  await run(waiting.image);
  assert.deepEqual(await states(waiting), {
    image: 'succeeded',
    web: 'cancelled',
    db: 'queued',
    pod: 'failed',
  });

  const running = (await diamond()).jobs;
  await stage.begin(running.image);
  await stage.client.cancel(running.image);
  assert.equal((await states(running)).web, 'waiting after image');
  const cancelled = { code: 'job.cancelled', message: 'asked', retryable: false, causes: [] } as const;
  await stage.writer.finish({ id: running.image, token: 'x' }, { state: 'cancelled', error: cancelled });
  assert.deepEqual(await states(running), { image: 'cancelled', web: 'failed', db: 'failed', pod: 'failed' });
});

test('a job that no worker takes in time takes those after it along, and these expire when they are queued', async () => {
  const { connection } = stage;
  const { jobs } = await diamond();
  const error = { code: 'job.queue-timeout', message: 'late', retryable: false, causes: [] } as const;
  assert.equal(await giveUp(connection.commands, jobs.web, error), false);
  const queued = keys.hostState(host, 'queued');
  const [own, waits] = [
    await connection.commands.zscore(queued, jobs.image),
    await connection.commands.zscore(keys.hostState(host, 'waiting'), jobs.web),
  ];
  assert.ok(Number(waits) > Number(own));
  await run(jobs.image);
  assert.equal(await connection.commands.zscore(queued, jobs.web), waits);
  assert.equal(await giveUp(connection.commands, jobs.web, error), true);
  assert.deepEqual(await states(jobs), { image: 'succeeded', web: 'failed', db: 'queued', pod: 'failed' });
});

test('one key is one flow, also for clients at once; with other jobs it is refused', async () => {
  const jobs = { image: ping(), web: ping(['image']) };
  const clients = await Promise.all(Array.from({ length: 4 }, () => stage.another()));
  const answers = await Promise.all(clients.map((client) => client.submitFlow(jobs, { key: 'k' })));
  assert.equal(answers.filter(({ existing }) => !existing).length, 1);
  assert.equal(new Set(answers.map((answer) => JSON.stringify(Object.entries(answer.jobs).sort()))).size, 1);
  assert.equal((await stage.client.list()).length, 2);
  await assert.rejects(stage.client.submitFlow({ image: ping() }, { key: 'k' }), {
    code: 'job.idempotency-mismatch',
  });
});

test('a failed job runs again with those that were not run for it, as a flow whose succeeded part is done', async () => {
  const { client } = stage;
  const { jobs } = await diamond();
  await assert.rejects(client.retry(jobs.web), { code: 'job.not-retryable' });
  await run(jobs.image);
  await run(jobs.db);
  await stage.begin(jobs.web);
  await stage.fail(jobs.web);
  const { id } = await client.retry(jobs.web);
  const web = await client.show(id);
  assert.deepEqual([web.state, web.retryOf, web.after], ['queued', jobs.web, {}]);
  const again = await client.list({ flow: web.flow?.id ?? '' });
  assert.deepEqual(
    again.map((record) => [record.flow?.name, record.retryOf, record.state, record.waitingFor]).sort(),
    [
      ['pod', jobs.pod, 'waiting', 'after web'],
      ['web', jobs.web, 'queued', undefined],
    ],
  );
  await run(id);
  const alone = await client.retry(jobs.image);
  assert.equal((await client.show(alone.id)).flow, undefined);
});

test('what waits for others of its flow is no stray; what is ready and in no queue is one', async () => {
  const { connection } = stage;
  const { jobs } = await diamond();
  assert.deepEqual((await findStrays(connection.commands, host, Date.now())).missing, []);
  await run(jobs.image);
  const { missing } = await findStrays(connection.commands, host, Date.now());
  assert.deepEqual([...missing].sort(), [jobs.web, jobs.db].sort());
});

test('retention removes a flow with the last of its jobs', async () => {
  const { connection, client } = stage;
  const { id, jobs } = await diamond();
  await client.cancel(jobs.image);
  await sweepEnded(connection.commands, host, { maxAgeMs: 60_000, maxCount: 1 }, Date.now());
  assert.equal((await client.list({ flow: id })).length, 1);
  await sweepEnded(connection.commands, host, { maxAgeMs: 60_000, maxCount: 0 }, Date.now());
  const left = await connection.commands.keys(`${keyPrefix}:*`);
  assert.deepEqual(
    left.filter((key) => key.includes(':flow:') || key.includes(':job:')),
    [],
  );
});
