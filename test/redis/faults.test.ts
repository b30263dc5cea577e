import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyPrefix } from '../../src/queue/keys.ts';
import { workerStopMs } from '../../src/queue/stop-times.ts';
import { bullJobOptions, openBullQueues } from '../../src/queue/submission.ts';
import { startEngine } from '../helpers/job-engine.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { killJob, sleepJob, touchJob } from './fixtures/test-kinds.ts';

const sleep = (more: Partial<ReturnType<typeof sleepJob.input.parse>>) =>
  sleepJob.input.parse({ ms: 50, ...more });
const ends = ['succeeded', 'failed', 'cancelled'] as const;

test('a job whose worker was killed runs again within 15 s and has its effect once', async (t) => {
  await using engine = await startEngine();
  const first = await engine.startWorker();
  const { id } = await engine.submit(sleepJob, sleep({ ms: 1_500, lock: 'debian' }));
  const begun = async (count: number) =>
    (await engine.effects()).filter(({ what }) => what === 'begin').length >= count;
  await waitFor('the first run', () => begun(1));
  const killedAt = Date.now();
  first.kill('SIGKILL');
  await engine.startWorker();
  await waitFor('the second run', () => begun(2));
  t.diagnostic(`ran again ${Date.now() - killedAt} ms after the kill`);
  assert.ok(Date.now() - killedAt < 15_000);
  const record = await engine.until(id, ends);
  assert.deepEqual([record.state, record.crashes, record.attempt], ['succeeded', 1, 1]);
  assert.equal((await engine.effects()).filter(({ what }) => what === 'effect').length, 1);
});

test('a job that kills its worker fails after its limit of crashes, and the queue goes on', async () => {
  await using engine = await startEngine();
  const { id } = await engine.submit(killJob, {});
  let ended = false;
  const respawn = async (): Promise<void> => {
    while (!ended) await (await engine.startWorker()).ended;
  };
  const respawning = respawn();
  const record = await engine.until(id, ends, 60_000);
  assert.deepEqual(
    [record.state, record.error?.code, record.crashes],
    ['failed', 'job.crashed', killJob.maxCrashes],
  );
  assert.equal((await engine.effects()).filter(({ what }) => what === 'begin').length, killJob.maxCrashes);
  const after = await engine.submit(sleepJob, sleep({}));
  assert.equal((await engine.until(after.id, ends)).state, 'succeeded');
  ended = true;
  const [last] = (await engine.effects()).slice(-1);
  process.kill(last?.pid ?? 0, 'SIGTERM');
  await respawning;
});

test('the same job delivered to two workers at once has its effect once, with and without a lock', async () => {
  await using engine = await startEngine();
  // One job at a time each, so that the second delivery cannot go to the worker that has the first.
  const concurrency = { control: 1, bulk: 1 };
  await engine.startWorker({ concurrency });
  await engine.startWorker({ concurrency });
  const redis = engine.connection.commands;
  for (const lock of ['debian', undefined]) {
    const { id } = await engine.submit(
      sleepJob,
      sleep({ ms: 1_500, ...(lock === undefined ? {} : { lock }) }),
    );
    const of = async (what: string) =>
      (await engine.effects()).filter((effect) => effect.id === id && effect.what === what);
    await waitFor('the first run', async () => (await of('begin')).length === 1);
    // What a lost lock leads to: BullMQ hands the job out while its first delivery is at work.
    await redis.del(`${keyPrefix}:h1.bulk:${id}:lock`);
    const active = `${keyPrefix}:h1.bulk:active`;
    await redis
      .multi()
      .lrem(active, 0, id)
      .lpush(`${keyPrefix}:h1.bulk:wait`, id)
      .zadd(`${keyPrefix}:h1.bulk:marker`, 0, '0')
      .exec();
    await waitFor('the second delivery', async () => (await redis.lrange(active, 0, -1)).includes(id));
    const record = await engine.until(id, ends);
    assert.equal(record.state, 'succeeded');
    await waitFor(
      'BullMQ to be done with it',
      async () => !(await redis.exists(`${keyPrefix}:h1.bulk:${id}`)),
    );
    assert.equal((await of('begin')).length, 1);
    assert.equal((await of('effect')).length, 1);
  }
});

test('a job that the journal knows to be done is not run again, and its stored result is recorded', async () => {
  await using engine = await startEngine();
  const worker = await engine.startWorker();
  const { id } = await engine.submit(sleepJob, sleep({}));
  const first = await engine.until(id, ends);
  const redis = engine.connection.commands;
  worker.kill('SIGKILL');
  await worker.ended;
  // As if the server had lost what was written after the effect.
  await redis.hset(`${keyPrefix}:job:${id}`, 'state', 'running');
  await redis.hdel(`${keyPrefix}:job:${id}`, 'result', 'endedAt');
  const queues = openBullQueues(redis);
  const envelope = await redis.hget(`${keyPrefix}:job:${id}`, 'envelope');
  const data = { t: 'application/vnd.sdme.job.v1+json', p: envelope ?? '', s: [] } as const;
  await queues.add([{ host: 'h1', queue: 'bulk', id, kind: 'x', envelope: { ...data, s: [] } }]);
  await engine.startWorker();
  const record = await engine.until(id, ends);
  assert.deepEqual([record.state, record.result], ['succeeded', first.result]);
  assert.equal((await engine.effects()).filter(({ what }) => what === 'begin').length, 1);
  assert.ok(bullJobOptions(id).removeOnComplete);
  await queues.close();
});

for (const seconds of [1, 8]) {
  test(`with the server gone for ${seconds} s no job is lost and none has its effect twice`, async () => {
    await using engine = await startEngine();
    await engine.startWorker();
    const running = await engine.submit(sleepJob, sleep({ ms: seconds * 1_000 + 3_000 }));
    const short = await engine.submit(sleepJob, sleep({ ms: 700 }));
    const queued = await Promise.all(
      Array.from({ length: 30 }, () => engine.submit(sleepJob, sleep({ ms: 200, slot: 'cpu' }))),
    );
    await engine.until(running.id, ['running']);
    await engine.until(short.id, ['running']);
    await engine.redis.kill();
    const back = Date.now() + seconds * 1_000;
    await waitFor('the time to pass', () => Date.now() >= back);
    await engine.redis.start();
    for (const { id } of [running, short, ...queued]) {
      assert.equal((await engine.until(id, ends, 40_000)).state, 'succeeded');
    }
    const effects = (await engine.effects()).filter(({ what }) => what === 'effect').map(({ id }) => id);
    assert.equal(effects.length, 32);
    assert.equal(new Set(effects).size, 32);
    const redis = engine.connection.commands;
    await waitFor(
      'BullMQ to be done',
      async () => (await redis.keys(`${keyPrefix}:h1.*:0*`)).length === 0,
      20_000,
    );
  });
}

test('with 200 imports queued and running a control job begins within 100 ms', async (t) => {
  await using engine = await startEngine();
  await engine.startWorker();
  await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      engine.submit(
        sleepJob,
        sleep({ ms: 10_000, slot: i % 2 === 0 ? 'network' : 'disk', lock: `l${i % 150}` }),
      ),
    ),
  );
  await waitFor('imports to run', async () => (await engine.records.count('h1', ['running'])) >= 3);
  const delays: number[] = [];
  for (let i = 0; i < 20; i += 1) {
    const { id } = await engine.submit(touchJob, { text: '' });
    const record = await engine.until(id, ends);
    delays.push((record.startedAt ?? Number.POSITIVE_INFINITY) - record.submittedAt);
  }
  t.diagnostic(`began after ${delays.join(', ')} ms`);
  assert.ok(Math.max(...delays) < 100, `began after ${delays.join(', ')} ms`);
});

test('a worker that is told to stop lets short jobs finish and hands back the others', async () => {
  await using engine = await startEngine();
  const worker = await engine.startWorker({ settings: { shutdown_grace: 1 } });
  const short = await engine.submit(sleepJob, sleep({ ms: 600 }));
  const long = await engine.submit(sleepJob, sleep({ ms: 8_000, undoMs: 100 }));
  await engine.until(short.id, ['running']);
  await engine.until(long.id, ['running']);
  worker.kill('SIGTERM');
  const late = await engine.submit(sleepJob, sleep({}));
  assert.deepEqual(await worker.ended, { code: 0, signal: null, reason: 'stopped' });
  assert.equal((await engine.record(short.id)).state, 'succeeded');
  const back = await engine.record(long.id);
  assert.deepEqual([back.state, back.crashes, back.waitingFor], ['queued', 0, undefined]);
  assert.equal((await engine.record(late.id)).state, 'queued');
  assert.ok((await engine.effects()).some(({ what, id }) => what === 'undone' && id === long.id));
  await engine.startWorker();
  const begun = Date.now();
  await engine.until(late.id, ends);
  await engine.until(long.id, ['running']);
  assert.ok(Date.now() - begun < 3_000);
  assert.deepEqual([(await engine.record(long.id)).attempt, (await engine.record(long.id)).crashes], [1, 0]);
});

test('a worker that has nothing in hand ends though the queue is gone', async () => {
  await using engine = await startEngine();
  const worker = await engine.startWorker({ settings: { shutdown_grace: 60 } });
  const { id } = await engine.submit(touchJob, { text: '' });
  await engine.until(id, ends);
  await engine.redis.kill();
  const told = Date.now();
  worker.kill('SIGTERM');
  assert.deepEqual(await worker.ended, { code: 0, signal: null, reason: 'stopped' });
  const took = Date.now() - told;
  assert.ok(took < workerStopMs(0) - 5_000, `ended after ${took} ms`);
});

test('a job that cannot be handed back, as the queue is gone, runs again and counts as no crash', async () => {
  await using engine = await startEngine();
  const worker = await engine.startWorker({ settings: { shutdown_grace: 0 } });
  const { id } = await engine.submit(sleepJob, sleep({ ms: 60_000 }));
  await engine.until(id, ['running']);
  await engine.redis.kill();
  const told = Date.now();
  worker.kill('SIGTERM');
  assert.equal((await worker.ended).reason, 'forced');
  const took = Date.now() - told;
  assert.ok(took < workerStopMs(0) - 5_000, `ended after ${took} ms`);
  assert.ok((await engine.effects()).some(({ what }) => what === 'undone'));
  await engine.redis.start();
  await engine.startWorker();
  await waitFor('its second run', async () => {
    return (await engine.effects()).filter(({ what }) => what === 'begin').length === 2;
  });
  assert.deepEqual((await engine.until(id, ['running'])).crashes, 0);
});

test('a second signal does not wait for the grace', async () => {
  await using engine = await startEngine();
  const worker = await engine.startWorker({ settings: { shutdown_grace: 60 } });
  const { id } = await engine.submit(sleepJob, sleep({ ms: 60_000 }));
  await engine.until(id, ['running']);
  worker.kill('SIGTERM');
  await waitFor('jobs not to be taken any more', async () => {
    const probe = await engine.submit(touchJob, { text: '' });
    return (await engine.record(probe.id)).state === 'queued' && Date.now() > 0;
  });
  worker.kill('SIGTERM');
  assert.equal((await worker.ended).reason, 'stopped');
  assert.equal((await engine.record(id)).state, 'queued');
});

test('a worker without work for the idle time ends by itself', async () => {
  await using engine = await startEngine();
  const worker = await engine.startWorker({ settings: { queue_idle_seconds: 1 } });
  const { id } = await engine.submit(sleepJob, sleep({ ms: 2_500 }));
  assert.equal((await engine.until(id, ends)).state, 'succeeded');
  assert.deepEqual(await worker.ended, { code: 0, signal: null, reason: 'idle' });
});

test('a second worker of a host waits for the first, or says that it is not needed', async () => {
  await using engine = await startEngine();
  const first = await engine.startWorker({ ifRunning: 'wait' });
  const probe = await engine.submit(touchJob, { text: '' });
  await engine.until(probe.id, ends);
  const second = await engine.startWorker({ ifRunning: 'exit' });
  assert.equal((await second.ended).reason, 'taken');
  const third = await engine.startWorker({ ifRunning: 'wait' });
  first.kill('SIGKILL');
  await first.ended;
  const { id } = await engine.submit(touchJob, { text: '' });
  await engine.until(id, ends);
  assert.deepEqual(
    (await engine.effects()).map(({ pid }) => pid),
    [first.pid, third.pid],
  );
});
