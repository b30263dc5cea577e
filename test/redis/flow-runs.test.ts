import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newUlid } from '../../src/base/ulid.ts';
import type { Contract, JobRecord } from '../../src/contracts/index.ts';
import { derivedId } from '../../src/queue/derived-id.ts';
import { newJobBody } from '../../src/queue/envelope.ts';
import type { FlowJob } from '../../src/queue/flows.ts';
import { bullJobKey } from '../../src/queue/keys.ts';
import { partIdOf } from '../../src/queue/part-id.ts';
import { type Engine, startEngine } from '../helpers/job-engine.ts';
import { failJob, sleepJob, touchJob } from './fixtures/test-kinds.ts';

let engine: Engine;
before(async () => {
  engine = await startEngine();
  await engine.startWorker();
});
after(() => engine[Symbol.asyncDispose]());

const ends = ['succeeded', 'failed', 'cancelled'] as const;
type Step = {
  readonly after?: readonly string[];
  readonly make: (request: Parameters<typeof newJobBody>[2]) => Omit<FlowJob, 'flow'>;
};
const step = <Input>(
  contract: Contract<string, Input, unknown>,
  input: Input,
  after: string[] = [],
): Step => ({
  after,
  make: (request) => ({
    body: newJobBody(contract, contract.input.parse(input), request),
    subject: contract.subject(input),
    attempts: contract.retry.attempts,
  }),
});
const sleep = (
  ms: number,
  after: string[] = [],
  more: Partial<ReturnType<typeof sleepJob.input.parse>> = {},
) => step(sleepJob, sleepJob.input.parse({ ms, ...more }), after);
const touch = (after: string[] = []): Step => step(touchJob, { text: '' }, after);

/** Submits a flow of the tests' own kinds; ids by name. */
async function submit<Name extends string>(
  steps: Record<Name, Step>,
  on: Engine = engine,
): Promise<Record<Name, string>> {
  const self = newUlid();
  const id = derivedId('f', self);
  const jobs = Object.entries<Step>(steps).map(([name, { after = [], make }]) => {
    const flow = { id, name, after: Object.fromEntries(after.map((one) => [one, partIdOf(self, one)])) };
    return { ...make({ host: on.host, id: partIdOf(self, name), flow }), flow };
  });
  const flow = { id, digest: '', host: on.host, submittedAt: Date.now(), jobs };
  return (await on.submitter.submitFlow(flow)).jobs as Record<Name, string>;
}

async function outcomes(
  jobs: Readonly<Record<string, string>>,
  on: Engine = engine,
): Promise<Record<string, string>> {
  const records: [string, JobRecord][] = [];
  for (const [name, id] of Object.entries(jobs)) records.push([name, await on.until(id, ends, 30_000)]);
  return Object.fromEntries(records.map(([name, { state }]) => [name, state]));
}

const effects = async (id: string, what: string, on: Engine = engine): Promise<number[]> =>
  (await on.effects()).filter((one) => one.id === id && one.what === what).map(({ at }) => at);

test('jobs of a flow run after those they name, at once where they may, and a shared one runs once', async () => {
  const jobs = await submit({
    last: touch(['a', 'b']),
    a: sleep(300, ['first']),
    b: sleep(300, ['first']),
    first: touch(),
  });
  assert.deepEqual(await outcomes(jobs), {
    last: 'succeeded',
    a: 'succeeded',
    b: 'succeeded',
    first: 'succeeded',
  });
  const [first = 0] = await effects(jobs.first, 'effect');
  const begun = [...(await effects(jobs.a, 'begin')), ...(await effects(jobs.b, 'begin'))];
  const done = [...(await effects(jobs.a, 'effect')), ...(await effects(jobs.b, 'effect'))];
  const [last = 0, ...more] = await effects(jobs.last, 'effect');
  assert.deepEqual([begun.length, done.length, more.length], [2, 2, 0]);
  assert.ok(
    first <= Math.min(...begun) && Math.max(...begun) < Math.min(...done) && Math.max(...done) <= last,
  );
  // By the planner, not by the upkeep, which looks for what is older than three seconds.
  assert.ok(last - first < 2_500);
});

test('what runs after a job that fails all its attempts is never run, and what that one needed has the reason', async () => {
  const jobs = await submit({
    bad: step(failJob, failJob.input.parse({ code: 'oci.network' })),
    mended: step(failJob, failJob.input.parse({ code: 'oci.network', times: 1 })),
    after: sleep(10, ['bad', 'mended']),
    other: touch(['mended']),
  });
  assert.deepEqual(await outcomes(jobs), {
    bad: 'failed',
    mended: 'succeeded',
    after: 'failed',
    other: 'succeeded',
  });
  const { error, startedAt } = await engine.record(jobs.after);
  assert.deepEqual(
    [error?.code, error?.facts?.code, error?.causes],
    ['job.dependency-failed', 'oci.network', ['as asked']],
  );
  assert.deepEqual([startedAt, await effects(jobs.after, 'begin')], [undefined, []]);
});

test('when a running job is cancelled those after it fail once nothing of it is left', async () => {
  const jobs = await submit({ slow: sleep(60_000, [], { undoMs: 300 }), next: touch(['slow']) });
  await engine.until(jobs.slow, ['running']);
  await engine.submitter.cancel(jobs.slow);
  assert.equal((await engine.record(jobs.next)).state, 'waiting');
  const next = await engine.until(jobs.next, ends);
  assert.deepEqual([next.state, next.error?.facts?.code], ['failed', 'job.cancelled']);
  const [undone = Number.POSITIVE_INFINITY] = await effects(jobs.slow, 'undone');
  assert.ok(undone <= (next.endedAt ?? 0));
});

test('a worker killed between the end of a job and the planning of the next leaves that to its successor', async () => {
  await using own = await startEngine();
  const first = await own.startWorker({ killOnPlan: true });
  const jobs = await submit({ first: touch(), next: touch(['first']) }, own);
  assert.equal((await first.ended).signal, 'SIGKILL');
  assert.deepEqual(
    [(await own.record(jobs.first)).state, (await own.record(jobs.next)).state],
    ['succeeded', 'queued'],
  );
  assert.equal(await own.connection.commands.exists(bullJobKey(own.host, 'control', jobs.next)), 0);
  await own.startWorker();
  assert.deepEqual(await outcomes(jobs, own), { first: 'succeeded', next: 'succeeded' });
  assert.deepEqual(
    [(await effects(jobs.first, 'effect', own)).length, (await effects(jobs.next, 'effect', own)).length],
    [1, 1],
  );
});

test('a worker killed in a job of a flow, and a server in the next: the flow comes to its end, each effect once', async () => {
  await using own = await startEngine();
  const first = await own.startWorker();
  const jobs = await submit({ a: sleep(500), b: sleep(1_000, ['a']), c: touch(['a', 'b']) }, own);
  await own.until(jobs.a, ['running']);
  first.kill('SIGKILL');
  await first.ended;
  await own.startWorker();
  await own.until(jobs.b, ['running'], 20_000);
  await own.redis.kill();
  await own.redis.start();
  assert.deepEqual(await outcomes(jobs, own), { a: 'succeeded', b: 'succeeded', c: 'succeeded' });
  for (const id of Object.values(jobs)) assert.equal((await effects(id, 'effect', own)).length, 1);
});
