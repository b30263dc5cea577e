import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobRecord } from '../../../src/contracts/index.ts';
import { toRunAgain } from '../../../src/producer/flow-retry.ts';
import { errorOf, jobRecordOf } from '../../helpers/job-record.ts';

type Sort = 'succeeded' | 'failed' | 'skipped' | 'cancelled before' | 'running';

/** A record of a flow by what became of it. `skipped`: not run, as one before it had failed. */
function recordOf(name: string, sort: Sort, after: readonly string[]): JobRecord {
  const { startedAt, ...fresh } = jobRecordOf({
    id: name,
    flow: { id: 'f', name },
    after: Object.fromEntries(after.map((one) => [one, one])),
  });
  if (sort === 'skipped') return { ...fresh, state: 'failed', error: errorOf('job.dependency-failed', 'x') };
  if (sort === 'cancelled before') {
    return { ...fresh, state: 'cancelled', error: errorOf('job.cancelled', 'x') };
  }
  const ran = { ...fresh, state: sort, ...(startedAt === undefined ? {} : { startedAt }) };
  return sort === 'failed' ? { ...ran, error: errorOf('io', 'x') } : ran;
}

function again(flow: Readonly<Record<string, readonly [Sort, ...string[]]>>, name: string): string[] {
  const records = Object.entries(flow).map(([one, [sort, ...after]]) => recordOf(one, sort, after));
  const job = records.find(({ id }) => id === name);
  assert.ok(job !== undefined);
  return toRunAgain(records, job).map(({ id }) => id);
}

test('with a failed job those run again that were not run because of it, and none that succeeded', () => {
  const flow = {
    base: ['succeeded'],
    image: ['failed', 'base'],
    other: ['succeeded', 'base'],
    web: ['skipped', 'image', 'other'],
    last: ['skipped', 'web'],
    apart: ['failed', 'base'],
  } as const;
  assert.deepEqual(again(flow, 'image'), ['image', 'web', 'last']);
  assert.deepEqual(again(flow, 'apart'), ['apart']);
});

test('with a job that was not run the failed ones before it run again, whichever of them is asked for', () => {
  const flow = { a: ['failed'], b: ['cancelled before'], both: ['skipped', 'a', 'b'] } as const;
  for (const name of ['a', 'b', 'both']) assert.deepEqual(again(flow, name), ['a', 'b', 'both']);
});

test('a job that was cancelled before it could run is not run again with another', () => {
  const flow = { a: ['failed'], web: ['cancelled before', 'a'] } as const;
  assert.deepEqual(again(flow, 'a'), ['a']);
  assert.deepEqual(again(flow, 'web'), ['a', 'web']);
});

test('while one of them has not ended none can be run again', () => {
  const flow = { a: ['failed'], b: ['running'], both: ['skipped', 'a', 'b'] } as const;
  assert.throws(() => again(flow, 'a'), {
    code: 'job.not-retryable',
    message: /after job b of its flow, which is running/,
  });
});
