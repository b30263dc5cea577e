import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobEvent } from '../../src/producer/index.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { openPuppet, type Puppet } from './fixtures/puppet.ts';

/** Watches in the background; `events` grows as they come. */
function collect(stage: Puppet, id: string, options = {}): { events: JobEvent[]; done: Promise<void> } {
  const events: JobEvent[] = [];
  const done = (async () => {
    for await (const event of stage.client.watch(id, options)) events.push(event);
  })();
  return { events, done };
}

const offsets = (events: readonly JobEvent[]): number[] =>
  events.flatMap((event) => (event.type === 'log' ? [event.line.offset] : []));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('a watch shows the record as it is, then changes and lines in order, and the end last', async () => {
  await using stage = await openPuppet();
  const { id } = await stage.client.submit('host.ping', {});
  const { events, done } = collect(stage, id);
  await waitFor('the first event', () => events.length > 0);
  const [first] = events;
  assert.equal(first?.type === 'record' && first.record.state, 'queued');
  await stage.begin(id);
  for (let i = 0; i < 50; i += 1) await stage.log(id, `a${i}`, `b${i}`);
  await stage.succeed(id);
  await done;
  assert.deepEqual(offsets(events), upTo(100));
  const last = events.at(-1);
  assert.equal(last?.type === 'end' && last.record.state, 'succeeded');
  assert.equal(events.filter(({ type }) => type === 'end').length, 1);
  const states = events.flatMap((event) => (event.type === 'record' ? [event.record.state] : []));
  assert.ok(states.includes('succeeded'), 'the last change is shown too');
  const revisions = events.flatMap((event) => (event.type === 'record' ? [event.record.revision] : []));
  assert.deepEqual(
    revisions,
    [...new Set(revisions)].sort((a, b) => a - b),
  );
});

test('who comes late or asks from an offset sees every line from there once', async () => {
  await using stage = await openPuppet();
  const { id } = await stage.client.submit('host.ping', {});
  await stage.begin(id);
  for (let i = 0; i < 5; i += 1) await stage.log(id, ...upTo(500).map((n) => `line ${i}.${n}`));
  await stage.succeed(id);
  const all = collect(stage, id);
  await all.done;
  assert.deepEqual(offsets(all.events), upTo(2500));
  const rest = collect(stage, id, { fromLogOffset: 2400 });
  await rest.done;
  assert.deepEqual(offsets(rest.events), upTo(2500).slice(2400));
  const lines: number[] = [];
  for await (const line of stage.client.logs(id, { from: 2490 })) lines.push(line.offset);
  assert.deepEqual(lines, upTo(2500).slice(2490));
});

test('logs without follow end at once, with follow at the end of the job', async () => {
  await using stage = await openPuppet();
  const { id } = await stage.client.submit('host.ping', {});
  await stage.begin(id);
  await stage.log(id, 'one');
  const now: string[] = [];
  for await (const line of stage.client.logs(id)) now.push(line.message);
  assert.deepEqual(now, ['one']);
  const followed: string[] = [];
  const following = (async () => {
    for await (const line of stage.client.logs(id, { follow: true })) followed.push(line.message);
  })();
  await waitFor('the first line', () => followed.length === 1);
  await stage.log(id, 'two');
  await stage.succeed(id);
  await following;
  assert.deepEqual(followed, ['one', 'two']);
});

test('a watch across two restarts of the server shows every line once, and the end', async () => {
  await using stage = await openPuppet();
  const { id } = await stage.client.submit('host.ping', {});
  await stage.begin(id);
  const { events, done } = collect(stage, id);
  const writing = (async () => {
    for (let i = 0; i < 120; i += 1) {
      await stage.log(id, `line ${i}`);
      await delay(25);
    }
    await stage.succeed(id);
  })();
  for (const downMs of [100, 2_000]) {
    const before = offsets(events).length;
    await waitFor('some lines', () => offsets(events).length > before + 10);
    await stage.server.kill();
    await delay(downMs);
    await stage.server.start();
  }
  await writing;
  await done;
  assert.deepEqual(offsets(events), upTo(120));
  assert.equal(events.at(-1)?.type, 'end');
});

test('an end that came while the server was away is not missed', async () => {
  await using stage = await openPuppet();
  const { id } = await stage.client.submit('host.ping', {});
  const waiting = stage.client.wait(id);
  const { events, done } = collect(stage, id);
  await waitFor('the first event', () => events.length > 0);
  await stage.server.kill();
  const ending = stage.begin(id).then(() => stage.succeed(id));
  await delay(500);
  await stage.server.start();
  await ending;
  assert.equal((await waiting).state, 'succeeded');
  await done;
  assert.equal(events.at(-1)?.type, 'end');
});

test('a watch gives up with a reason when the queue stays away longer than it may', async () => {
  await using stage = await openPuppet();
  const client = await stage.another({ patienceMs: 1_000, outageMs: 1_500 });
  const { id } = await client.submit('host.ping', {});
  const waiting = client.wait(id);
  const refused = assert.rejects(waiting, { code: 'queue.unavailable' });
  await delay(200);
  await stage.server.kill();
  await refused;
});

test('a watch that is left in the middle keeps no subscription, also when it is left while it waits', async () => {
  await using stage = await openPuppet();
  const { id } = await stage.client.submit('host.ping', {});
  const channel = `{sdme}:hint:job:${id}`;
  const listeners = async (): Promise<number> => {
    const reply: unknown = await stage.connection.commands.call('PUBSUB', 'NUMSUB', channel);
    return Array.isArray(reply) ? Number(reply[1]) : Number.NaN;
  };
  for await (const event of stage.client.watch(id)) {
    assert.equal(event.type, 'record');
    assert.equal(await listeners(), 1);
    break;
  }
  await waitFor('the end of the subscription', async () => (await listeners()) === 0);
  const iterator = stage.client.watch(id)[Symbol.asyncIterator]();
  await iterator.next();
  const pending = iterator.next();
  pending.catch(() => {});
  const before = Date.now();
  await iterator.return?.();
  assert.ok(Date.now() - before < 1_000, 'leaving does not wait for the next look');
  assert.equal(await listeners(), 0);
});

test('the signal of a watch ends it with its reason', async () => {
  await using stage = await openPuppet();
  const { id } = await stage.client.submit('host.ping', {});
  const stop = new AbortController();
  const { events, done } = collect(stage, id, { signal: stop.signal });
  await waitFor('the first event', () => events.length > 0);
  stop.abort(new Error('interrupted'));
  await assert.rejects(done, /interrupted/);
});
