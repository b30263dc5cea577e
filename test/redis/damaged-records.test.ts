import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keys } from '../../src/queue/keys.ts';
import { mend } from '../../src/queue/mend.ts';
import { readQuarantine } from '../../src/queue/quarantine.ts';
import { liveStates } from '../../src/queue/states.ts';
import { findStrays, sweepEnded } from '../../src/queue/upkeep.ts';
import { startEngine } from '../helpers/job-engine.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { openPuppet, type Puppet } from './fixtures/puppet.ts';
import { sleepJob, touchJob } from './fixtures/test-kinds.ts';

/** Ways in which somebody else may have written to the queue's data; by name, over the job `id`. */
const damages: Readonly<Record<string, (stage: Pick<Puppet, 'connection'>, id: string) => Promise<unknown>>> =
  {
    'a state that is none': ({ connection }, id) => connection.commands.hset(keys.job(id), 'state', 'odd'),
    'no host': ({ connection }, id) => connection.commands.hdel(keys.job(id), 'host'),
    'no time, and a revision that is no number': async ({ connection }, id) => {
      await connection.commands.hset(keys.job(id), 'revision', 'x');
      await connection.commands.hdel(keys.job(id), 'submittedAt');
    },
    'nothing but a stray field': async ({ connection }, id) => {
      await connection.commands.del(keys.job(id));
      await connection.commands.hset(keys.job(id), 'x', 'y');
    },
    'a string in its place': ({ connection }, id) => connection.commands.set(keys.job(id), 'x'),
    'a list in its place': async ({ connection }, id) => {
      await connection.commands.del(keys.job(id));
      await connection.commands.lpush(keys.job(id), 'x');
    },
  };

for (const [name, damage] of Object.entries(damages)) {
  test(`a record with ${name} is listed as damaged, can be asked for, and hides no other`, async () => {
    await using stage = await openPuppet();
    const { client } = stage;
    const first = (await client.submit('host.ping', {})).id;
    const spoilt = (await client.submit('host.ping', {})).id;
    const last = (await client.submit('host.ping', {})).id;
    await damage(stage, spoilt);
    const listed = await client.list();
    assert.deepEqual(
      listed.map(({ id, damaged }) => [id, damaged !== undefined]),
      [first, spoilt, last]
        .sort()
        .reverse()
        .map((id) => [id, id === spoilt]),
    );
    assert.match((await client.show(spoilt)).damaged ?? '', /^cannot be read: /);
    await assert.rejects(client.cancel(spoilt), { code: 'job.damaged', message: /cannot be read: / });
    // Changes that go to the server together do not fail together.
    await Promise.all([first, spoilt, last].map((id) => stage.succeed(id)));
    assert.equal((await client.wait(first)).state, 'succeeded');
    assert.equal((await client.wait(last)).state, 'succeeded');
  });
}

test('who waits for a job, watches it or wants its result is told that its record is damaged', async () => {
  await using stage = await openPuppet();
  const { client, connection } = stage;
  const lost = (await client.submit('host.ping', {})).id;
  const waiting = client.wait(lost);
  await connection.commands.hset(keys.job(lost), 'state', 'odd');
  await stage.log(lost, 'a hint to look again');
  const { state, error } = await waiting;
  assert.deepEqual([state, error?.code], ['failed', 'job.damaged']);
  const events = await Array.fromAsync(client.watch(lost));
  assert.equal(events.at(-1)?.type, 'end');

  const { id } = await client.submit('host.ping', {});
  await stage.log(id, 'one', 'two', 'three');
  await connection.commands.lset(keys.log(id), 1, '{broken');
  await stage.succeed(id);
  await connection.commands.hset(keys.job(id), { result: '{broken', envelope: 'x' });
  const lines = await Array.fromAsync(client.logs(id));
  assert.deepEqual(
    lines.map(({ offset, message }) => [offset, message]),
    [
      [0, 'one'],
      [1, 'this line is damaged and cannot be read'],
      [2, 'three'],
    ],
  );
  assert.equal((await client.show(id)).damaged, 'cannot be read: input, result');
  await assert.rejects(client.result('host.ping', id), { code: 'job.damaged', message: /result/ });
  await assert.rejects(client.retry(id), { code: 'job.damaged', message: /input/ });
});

test('a batch with damaged jobs is counted, lists them, and is retried and cancelled but for them', async () => {
  await using stage = await openPuppet();
  const { client, connection } = stage;
  const items = Array.from({ length: 5 }, (_, i) => ({
    kind: 'host.ping' as const,
    input: { payload: `${i}` },
  }));
  const { id } = await client.batch.submit(items);
  const jobs = (await client.list({ batch: id })).map((record) => record.id).sort();
  const [failed = '', noError = '', noInput = '', live = '', queued = ''] = jobs;
  for (const job of [failed, noError, noInput]) await stage.fail(job);
  await connection.commands.hset(keys.job(noError), 'error', '{broken');
  await connection.commands.hset(keys.job(noInput), 'envelope', '{broken');
  await connection.commands.set(keys.job(live), 'x');
  const status = await client.batch.status(id);
  assert.deepEqual([status.states.failed, status.states.queued], [3, 2]);
  assert.deepEqual(
    new Map(status.failures.map(({ job, error }) => [job, error.code])),
    new Map([
      [failed, 'io'],
      [noError, 'job.damaged'],
      [noInput, 'io'],
    ]),
  );
  assert.equal(await client.batch.retryFailed(id), 2);
  await client.batch.cancel(id);
  assert.equal((await client.show(queued)).state, 'cancelled');
  await connection.commands.hset(keys.batch(id), 'total', 'x');
  await assert.rejects(client.batch.status(id), { code: 'job.damaged', message: /batch/ });
});

test('a worker fails queued jobs whose records are damaged, with the reason, runs the others, and is idle', async () => {
  await using engine = await startEngine();
  const { commands: redis } = engine.connection;
  const spoilt: string[] = [];
  for (const damage of Object.values(damages)) {
    const { id } = await engine.submit(touchJob, { text: '' });
    await damage(engine, id);
    spoilt.push(id);
  }
  const gone = (await engine.submit(sleepJob, sleepJob.input.parse({ ms: 1 }))).id;
  await redis.del(keys.job(gone));
  const { id: sound } = await engine.submit(touchJob, { text: '' });
  await engine.startWorker({ upkeepMs: 100 });
  assert.equal((await engine.until(sound, ['succeeded'])).state, 'succeeded');
  await waitFor('no job to be left', async () => (await engine.records.count('h1', liveStates)) === 0);
  const notes = await readQuarantine(redis);
  for (const id of [...spoilt, gone]) {
    const { state, error } = await engine.record(id);
    assert.deepEqual([state, error?.code], ['failed', 'job.damaged']);
    assert.ok(
      notes.some((note) => note.id === id && note.queue === 'records'),
      id,
    );
  }
  assert.match(notes.find(({ id }) => id === gone)?.why ?? '', /gone/);
  const effects = await engine.effects();
  assert.equal(effects.filter(({ id }) => id === sound).length, 1);
});

test('jobs of a flow that run after one with a damaged record fail with it', async () => {
  await using stage = await openPuppet();
  const { jobs } = await stage.client.submitFlow({
    first: { kind: 'host.ping', input: {} },
    second: { kind: 'host.ping', input: {}, after: ['first'] },
  });
  await stage.connection.commands.hset(keys.job(jobs.first), 'state', 'odd');
  const { commands: redis } = stage.connection;
  const { damaged } = await findStrays(redis, 'test-host', Date.now());
  assert.deepEqual(damaged, [{ id: jobs.first, state: 'queued' }]);
  for (const job of damaged) assert.ok(await mend(redis, 'test-host', job));
  const { state, error } = await stage.client.show(jobs.second);
  assert.deepEqual([state, error?.code], ['failed', 'job.dependency-failed']);
});

test('retention removes ended jobs with damaged records too', async () => {
  await using stage = await openPuppet();
  const { client, connection } = stage;
  const ids: string[] = [];
  for (const damage of Object.values(damages)) {
    const { id } = await client.submit('host.ping', {});
    await stage.succeed(id);
    await damage(stage, id);
    ids.push(id);
  }
  const limits = { maxAgeMs: 0, maxCount: 0 };
  assert.equal(await sweepEnded(connection.commands, 'test-host', limits, Date.now() + 1), ids.length);
  assert.deepEqual(await client.list(), []);
  assert.equal(await connection.commands.exists(...ids.map(keys.job)), 0);
});
