import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { BatchItem, JobEvent, LocalPrograms } from '../../src/producer/index.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { type LocalStage, openLocalStage } from './fixtures/local-stage.ts';

const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);

/** The real supervisor and engine, with kinds that need nothing of the machine. */
const programs: LocalPrograms = {
  supervisor: [process.execPath, fixture('local-supervisor.ts')],
  worker: [process.execPath, fixture('local-worker.ts')],
};

const gone = async (stage: LocalStage): Promise<boolean> => {
  for (const kind of ['supervisor', 'worker', 'server'] as const) {
    if ((await stage.pids(kind)).length > 0) return false;
  }
  return true;
};

test('a job submitted where nothing runs is run, and the idle end leaves no process and no socket', async (t) => {
  await using stage = await openLocalStage('queue_idle_seconds = 1');
  const client = await stage.client({ programs });
  const before = performance.now();
  const { id } = await client.submit('host.ping', {});
  assert.equal((await client.result('host.ping', id)).host, 'test-host');
  t.diagnostic(`from nothing to the result: ${Math.round(performance.now() - before)} ms`);
  await waitFor('the idle end', () => gone(stage));
  await assert.rejects(access(stage.layout.queueSocket), { code: 'ENOENT' });
  const again = await stage.client({ programs });
  assert.equal((await again.show(id)).state, 'succeeded', 'the records outlast the idle end');
  const next = await again.submit('host.ping', {});
  assert.equal((await again.wait(next.id)).state, 'succeeded');
});

test('no job is lost to the idle end, whenever it is submitted', async () => {
  await using stage = await openLocalStage('queue_idle_seconds = 0.3');
  for (let i = 0; i < 8; i += 1) {
    const client = await stage.client({ programs });
    const { id } = await client.submit('host.ping', {});
    await client.close();
    const waiter = await stage.client({ programs });
    assert.equal((await waiter.wait(id, { signal: AbortSignal.timeout(20_000) })).state, 'succeeded');
    await waiter.close();
    // Around the time at which the worker decides to end: 0.3 s and its look now and then.
    await delay(250 + i * 60);
  }
});

test('a worker that is killed is replaced, and takes what was submitted meanwhile', async () => {
  await using stage = await openLocalStage();
  const client = await stage.client({ programs });
  const first = await client.submit('host.ping', {});
  await client.wait(first.id);
  const [worker] = await stage.pids('worker');
  assert.ok(worker !== undefined);
  process.kill(worker, 'SIGKILL');
  const before = Date.now();
  const second = await client.submit('host.ping', {});
  assert.equal((await client.wait(second.id)).state, 'succeeded');
  assert.ok(Date.now() - before < 15_000, `took ${Date.now() - before} ms`);
});

test('a batch runs to its end through the local worker, and waiting for it sees the end', async (t) => {
  await using stage = await openLocalStage();
  const client = await stage.client({ programs });
  const items = Array.from(
    { length: 500 },
    (_, i): BatchItem<'host.ping'> => ({
      kind: 'host.ping',
      input: { payload: `${i}` },
    }),
  );
  const before = performance.now();
  const { id } = await client.batch.submit(items);
  const end = await client.batch.wait(id);
  t.diagnostic(`500 jobs from nothing to the end: ${Math.round(performance.now() - before)} ms`);
  assert.equal(end.states.succeeded, 500);
});

test('a watch across the death of the worker shows every line once, in order, and the end', async () => {
  await using stage = await openLocalStage();
  const client = await stage.client({ programs });
  const { id } = await client.submit('fs.rm', { name: 'talk40' });
  const events: JobEvent[] = [];
  const watching = (async () => {
    for await (const event of client.watch(id)) events.push(event);
  })();
  const lines = (): string[] => events.flatMap((event) => (event.type === 'log' ? [event.line.message] : []));
  await waitFor('some lines', () => lines().length >= 10);
  const [worker] = await stage.pids('worker');
  assert.ok(worker !== undefined);
  process.kill(worker, 'SIGKILL');
  const killedAt = Date.now();
  await waitFor('the second run', () =>
    lines().some((line) => /^[0-9]+ line 0$/.test(line) && !line.startsWith(`${worker} `)),
  );
  assert.ok(Date.now() - killedAt < 15_000, `the job ran again after ${Date.now() - killedAt} ms`);
  await watching;
  const offsets = events.flatMap((event) => (event.type === 'log' ? [event.line.offset] : []));
  assert.deepEqual(
    offsets,
    offsets.map((_, i) => i),
  );
  const second = lines().filter((line) => / line /.test(line) && !line.startsWith(`${worker} `));
  assert.equal(second.length, 40);
  const last = events.at(-1);
  assert.equal(last?.type === 'end' && last.record.state, 'succeeded');
});

test('a watch across the death of the server goes on, and the job runs once', async () => {
  await using stage = await openLocalStage();
  const client = await stage.client({ programs });
  const { id } = await client.submit('fs.rm', { name: 'talk60' });
  const lines: string[] = [];
  let killed = false;
  for await (const event of client.watch(id)) {
    if (event.type === 'log') lines.push(event.line.message);
    if (lines.length >= 10 && !killed) {
      killed = true;
      const [server] = await stage.pids('server');
      assert.ok(server !== undefined);
      process.kill(server, 'SIGKILL');
    }
    if (event.type === 'end') assert.equal(event.record.state, 'succeeded');
  }
  const said = lines.filter((line) => / line /.test(line));
  assert.deepEqual(
    said.map((line) => Number(line.split(' ').at(-1))),
    Array.from({ length: 60 }, (_, i) => i),
  );
});

test("the programs of a fresh checkout do the same as the tests' own", async () => {
  await using stage = await openLocalStage('queue_idle_seconds = 1');
  const client = await stage.client();
  const { id } = await client.submit('host.ping', {});
  assert.equal((await client.result('host.ping', id)).host, 'test-host');
  await waitFor('the idle end', () => gone(stage));
});
