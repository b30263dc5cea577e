import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { lookForWorkers } from '../../src/producer/missing-worker.ts';
import { channels } from '../../src/queue/keys.ts';
import { announceWorker } from '../../src/queue/presence.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { openPuppet, type Puppet } from './fixtures/puppet.ts';

/** How many listen for hints of a job. */
async function listeners(stage: Puppet, id: string): Promise<number> {
  const reply: unknown = await stage.connection.commands.call('PUBSUB', 'NUMSUB', channels.job(id));
  return Array.isArray(reply) ? Number(reply[1]) : Number.NaN;
}

test('a submitted job is queued with its input and the host of the settings', async () => {
  await using stage = await openPuppet();
  const { id, existing } = await stage.client.submit('host.ping', { payload: 'x' });
  assert.equal(existing, false);
  const record = await stage.client.show(id);
  assert.equal(record.state, 'queued');
  assert.equal(record.host, 'test-host');
  assert.deepEqual(record.input, { payload: 'x' });
});

test('bad input, limits and keys are refused before anything is written', async () => {
  await using stage = await openPuppet();
  const { client } = stage;
  const tooLong = { payload: 'x'.repeat(5000) };
  await assert.rejects(client.submit('host.ping', tooLong), { code: 'input.invalid', message: /payload/ });
  await assert.rejects(client.submit('host.ping', {}, { limits: { runMs: -1 } }), {
    code: 'input.invalid',
    message: /limits\.runMs/,
  });
  await assert.rejects(client.submit('host.ping', {}, { idempotencyKey: '' }), { code: 'input.invalid' });
  await assert.rejects(client.submit('host.ping', {}, { host: 'No Host' }), { code: 'input.invalid' });
  assert.equal(await stage.connection.commands.dbsize(), 0);
});

test('one idempotency key is one job, also for two clients at once; other arguments are refused', async () => {
  await using stage = await openPuppet();
  const clients = await Promise.all(Array.from({ length: 4 }, () => stage.another()));
  const options = { idempotencyKey: 'once' };
  const answers = await Promise.all(
    clients.map((client) => client.submit('host.ping', { payload: 'a' }, options)),
  );
  assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
  assert.equal(answers.filter(({ existing }) => !existing).length, 1);
  await assert.rejects(stage.client.submit('host.ping', { payload: 'b' }, options), {
    code: 'job.idempotency-mismatch',
    message: /"once" belongs to job 0/,
  });
  assert.equal((await stage.client.list()).length, 1);
});

test('a submit while the server restarts is accepted once', async () => {
  await using stage = await openPuppet();
  await stage.client.submit('host.ping', {});
  await stage.server.kill();
  const submitting = stage.client.submit('host.ping', { payload: 'during' });
  await delay(300);
  await stage.server.start();
  const { id } = await submitting;
  assert.deepEqual((await stage.client.show(id)).input, { payload: 'during' });
  assert.equal((await stage.client.list()).length, 2);
});

test('a submit to a queue that stays away is refused after the patience, not hung', async () => {
  await using stage = await openPuppet();
  const client = await stage.another({ patienceMs: 1_000 });
  await client.list();
  await stage.server.kill();
  const before = Date.now();
  await assert.rejects(client.submit('host.ping', {}), { code: 'queue.unavailable' });
  assert.ok(Date.now() - before < 5_000);
  const late = await stage.another({ patienceMs: 1_000 });
  await assert.rejects(late.submit('host.ping', {}), { code: 'queue.unavailable' });
});

test('a list meets all its conditions, newest first', async () => {
  await using stage = await openPuppet();
  const { client } = stage;
  const ids: string[] = [];
  for (const payload of ['a', 'b', 'c']) ids.push((await client.submit('host.ping', { payload })).id);
  const [a = '', b = '', c = ''] = ids;
  await stage.begin(b);
  assert.deepEqual((await client.list()).map(({ id }) => id).sort(), [...ids].sort());
  assert.deepEqual(await client.ids(), [...ids].sort().reverse());
  assert.deepEqual(
    (await client.list({ states: ['running'] })).map(({ id }) => id),
    [b],
  );
  assert.deepEqual((await client.list({ kinds: ['fs.rm'] })).length, 0);
  assert.equal((await client.list({ limit: 1 })).length, 1);
  const { submittedAt } = await client.show(c);
  assert.ok((await client.list({ since: submittedAt })).some(({ id }) => id === c));
  assert.equal((await client.list({ since: submittedAt + 60_000 })).length, 0);
  assert.ok(a < c);
});

test('an unknown job is not found by any question', async () => {
  await using stage = await openPuppet();
  const id = '01J00000000000000000000000';
  const missing = { code: 'not-found', message: `job not found: ${id}` };
  await assert.rejects(stage.client.show(id), missing);
  await assert.rejects(stage.client.wait(id), missing);
  await assert.rejects(stage.client.cancel(id), missing);
  await assert.rejects(stage.client.retry(id), missing);
  await assert.rejects(async () => {
    for await (const _ of stage.client.watch(id)) assert.fail('there is nothing to watch');
  }, missing);
});

test('wait gives the record soon after the end, whatever the end was', async () => {
  await using stage = await openPuppet();
  const { id } = await stage.client.submit('host.ping', {});
  const waiting = stage.client.wait(id);
  await stage.begin(id);
  await waitFor('the subscription', async () => (await listeners(stage, id)) === 1);
  const endedAt = Date.now();
  await stage.fail(id);
  assert.equal((await waiting).state, 'failed');
  assert.ok(Date.now() - endedAt < 1_000, 'the hint, not the safety look, should have woken it');
});

test('wait ends with the reason of its signal, and leaves no subscription', async () => {
  await using stage = await openPuppet();
  const { id } = await stage.client.submit('host.ping', {});
  const stop = new AbortController();
  const waiting = stage.client.wait(id, { signal: stop.signal });
  await waitFor('the subscription', async () => (await listeners(stage, id)) === 1);
  stop.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await waitFor('the end of the subscription', async () => (await listeners(stage, id)) === 0);
});

test("result is the checked result, or the job's own error", async () => {
  await using stage = await openPuppet();
  const { client } = stage;
  const good = await client.submit('host.ping', {});
  await stage.begin(good.id);
  await stage.succeed(good.id, { host: 'h', at: 5 });
  assert.deepEqual(await client.result('host.ping', good.id), { host: 'h', at: 5 });
  await assert.rejects(client.result('fs.rm', good.id), { code: 'input.invalid' });
  const bad = await client.submit('host.ping', {});
  await stage.begin(bad.id);
  await stage.fail(bad.id, 'no luck');
  await assert.rejects(client.result('host.ping', bad.id), { code: 'io', message: 'no luck' });
  const odd = await client.submit('host.ping', {});
  await stage.begin(odd.id);
  await stage.succeed(odd.id, { host: 5 });
  await assert.rejects(client.result('host.ping', odd.id), { code: 'internal' });
});

test('a queued job is cancelled at once, a running one is asked to end', async () => {
  await using stage = await openPuppet();
  const queued = await stage.client.submit('host.ping', {});
  assert.equal((await stage.client.cancel(queued.id)).state, 'cancelled');
  const running = await stage.client.submit('host.ping', {});
  await stage.begin(running.id);
  assert.equal((await stage.client.cancel(running.id)).state, 'cancelling');
});

test('only an ended job is run again, as a new job that names the old one', async () => {
  await using stage = await openPuppet();
  const { client } = stage;
  const { id } = await client.submit('host.ping', { payload: 'again' });
  await assert.rejects(client.retry(id), { code: 'job.not-retryable', message: /is queued/ });
  await client.cancel(id);
  const second = await client.retry(id);
  assert.notEqual(second.id, id);
  const record = await client.show(second.id);
  assert.equal(record.retryOf, id);
  assert.deepEqual(record.input, { payload: 'again' });
});

test('who waits on a shared queue is told once that no worker takes the jobs of the host', async () => {
  await using stage = await openPuppet();
  const notes: string[] = [];
  const client = await stage.another({ onNote: (message) => notes.push(message) });
  const { id } = await client.submit('host.ping', {}, { host: 'without' });
  const waiting = client.wait(id);
  await waitFor('the note', () => notes.length > 0);
  assert.match(notes[0] ?? '', /no worker takes jobs for host without; .*docs\/jobs\.md/);
  await stage.begin(id);
  await stage.succeed(id);
  await waiting;

  const look = lookForWorkers((message) => notes.push(message));
  await announceWorker(stage.connection.commands, 'served');
  for (const host of ['served', 'without', 'without']) await look(stage.connection, host);
  assert.equal(notes.length, 2);
});
