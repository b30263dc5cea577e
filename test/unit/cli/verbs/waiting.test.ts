import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SdmeError } from '../../../../src/base/errors.ts';
import { run as batchWait } from '../../../../src/cli/verbs/batch-wait.ts';
import { run as jobLs } from '../../../../src/cli/verbs/job-ls.ts';
import { run as jobShow } from '../../../../src/cli/verbs/job-show.ts';
import { run as jobWait } from '../../../../src/cli/verbs/job-wait.ts';
import type { BatchStatus, JobState } from '../../../../src/contracts/index.ts';
import type { JobFilter } from '../../../../src/producer/client.ts';
import { type Answers, cliSession } from '../../../helpers/cli-session.ts';
import { type FakeOutput, fakeOutput } from '../../../helpers/fake-output.ts';
import { errorOf, jobRecordOf } from '../../../helpers/job-record.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

const first = '01JDZ3V8K6M2T0Q4R6W8Y0A2C4';
const second = '01JDZ3V8K6M2T0Q4R6W8Y0B3D5';

async function call(
  verb: typeof jobWait,
  client: Answers,
  operands: readonly string[],
  options: Record<string, unknown> = {},
): Promise<{ code: number; output: FakeOutput }> {
  await using directory = await tempDir();
  const output = fakeOutput();
  await using session = cliSession({ directory: directory.path, output, client });
  return { code: await verb({ operands, command: [], options, session }), output };
}

/** Never ends but by its signal. */
const forEver = async (_: string, { signal }: { signal?: AbortSignal } = {}): Promise<never> => {
  await delay(60_000, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  signal?.throwIfAborted();
  throw new Error('nobody ended it');
};

const failed = errorOf('exists', 'it exists');

describe('job wait', () => {
  const waiting = (states: Readonly<Record<string, JobState>>): Answers => ({
    wait: async (id) => {
      const state = states[id] ?? 'failed';
      return jobRecordOf({ id, state, ...(state === 'succeeded' ? {} : { error: failed }) });
    },
  });

  test('ends with 0 when all succeeded, and prints each end', async () => {
    const { code, output } = await call(jobWait, waiting({ [first]: 'succeeded', [second]: 'succeeded' }), [
      first,
      second,
    ]);
    assert.equal(code, 0);
    assert.deepEqual(output.results.sort(), [`${first} succeeded`, `${second} succeeded`]);
  });

  test('ends with 1 when one did not', async () => {
    const { code, output } = await call(jobWait, waiting({ [first]: 'succeeded', [second]: 'cancelled' }), [
      first,
      second,
    ]);
    assert.equal(code, 1);
    assert.deepEqual(output.notes, ['error: debian: it exists']);
  });

  test('ends with 124 after its time limit, and leaves the job alone', async () => {
    const { code, output } = await call(jobWait, { wait: forEver }, [first], { timeout: '20ms' });
    assert.equal(code, 124);
    assert.deepEqual(output.notes, ['not all ended within 20ms; the jobs go on']);
  });

  test('a time limit that is none is refused before anything is waited for', async () => {
    await assert.rejects(call(jobWait, { wait: forEver }, [first], { timeout: 'soon' }), {
      code: 'usage',
    });
  });
});

describe('batch wait', () => {
  const status = (states: Partial<Record<JobState, number>>): BatchStatus => ({
    id: 'b-0123456789abcdefghijklmnop',
    host: 'here',
    submittedAt: 0,
    total: 4,
    states: {
      queued: 0,
      waiting: 0,
      running: 0,
      cancelling: 0,
      succeeded: 0,
      failed: 0,
      cancelled: 0,
      ...states,
    },
    bytesDone: 1024,
    bytesTotal: 2048,
    failures: states.failed === undefined ? [] : [{ index: 1, job: first, subject: 'debian', error: failed }],
  });
  const codes: readonly (readonly [Partial<Record<JobState, number>>, number])[] = [
    [{ succeeded: 4 }, 0],
    [{ succeeded: 3, failed: 1 }, 3],
    [{ succeeded: 1, cancelled: 3 }, 3],
    [{ failed: 3, cancelled: 1 }, 4],
  ];
  for (const [states, expected] of codes) {
    test(`ends with ${expected} for ${JSON.stringify(states)}`, async () => {
      const { code } = await call(batchWait, { batch: { wait: async () => status(states) } }, ['b']);
      assert.equal(code, expected);
    });
  }

  test('ends with 124 after its time limit', async () => {
    assert.equal((await call(batchWait, { batch: { wait: forEver } }, ['b'], { timeout: '20ms' })).code, 124);
  });

  test('prints counts, bytes and each failure with its error', async () => {
    const { output } = await call(
      batchWait,
      { batch: { wait: async () => status({ succeeded: 3, failed: 1 }) } },
      ['b'],
    );
    assert.deepEqual(output.results, [
      '4 jobs: 3 succeeded, 1 failed, 1K of 2K',
      'failures:',
      `  debian  ${first}  exists: it exists`,
    ]);
  });
});

describe('job ids', () => {
  const show = async (id: string) => jobRecordOf({ id });
  const client: Answers = { show, ids: async () => [first, second] };

  test('the end or the beginning that only one job has is enough, in any case', async () => {
    const { output } = await call(jobShow, client, ['y0a2c4']);
    assert.equal(output.results[0]?.replace(/^id +/, ''), first);
  });

  test('one that several jobs have is refused with the ids', async () => {
    await assert.rejects(call(jobShow, client, ['01JDZ3']), (error: SdmeError) => {
      return error.message === `ambiguous job '01JDZ3', could match: ${first}, ${second}`;
    });
  });

  test('of many that fit, as many as are not named are counted', async () => {
    const ids = Array.from({ length: 12 }, (_, i) => `01JDZ3V8K6M2T0Q4R6W8Y0A2${i + 10}`);
    await assert.rejects(call(jobShow, { show, ids: async () => ids }, ['01JDZ3']), (error: SdmeError) => {
      return error.message.endsWith(`${ids[4]} and 7 more`);
    });
  });

  test('one that no job has is not found', async () => {
    await assert.rejects(call(jobShow, client, ['zzzz']), { code: 'not-found' });
  });
});

describe('job ls', () => {
  test('asks for the states, kinds and time that were given', async () => {
    const asked: (JobFilter | undefined)[] = [];
    const list = async (filter?: JobFilter) => {
      asked.push(filter);
      return [];
    };
    const options = {
      state: ['failed,running', 'queued'],
      kind: ['fs.import'],
      since: '2026-01-31T12:00:00Z',
      limit: '5',
    };
    const { output } = await call(jobLs, { list }, [], options);
    assert.deepEqual(asked, [
      {
        states: ['failed', 'running', 'queued'],
        kinds: ['fs.import'],
        since: Date.UTC(2026, 0, 31, 12),
        limit: 5,
      },
    ]);
    assert.deepEqual(output.results, ['no jobs found']);
  });

  test('a batch or a flow that is not there is not found, and one that has nothing to show is no error', async () => {
    const missing = async () => {
      throw new SdmeError('not-found', 'batch not found: foo');
    };
    const list = async ({ flow, states }: JobFilter = {}) =>
      flow === 'there' && states === undefined ? [jobRecordOf({ id: first })] : [];
    const client: Answers = { list, batch: { status: missing } };
    await assert.rejects(call(jobLs, client, [], { batch: 'foo' }), { message: 'batch not found: foo' });
    await assert.rejects(call(jobLs, client, [], { flow: 'foo' }), {
      code: 'not-found',
      message: 'flow not found: foo',
    });
    const { output } = await call(jobLs, client, [], { flow: 'there', state: ['failed'] });
    assert.deepEqual(output.results, ['no jobs found']);
  });

  test('a state that is none is a usage error', async () => {
    await assert.rejects(call(jobLs, {}, [], { state: ['faild'] }), { code: 'usage' });
  });

  test('--json is one line, --json-pretty is indented, both with whole records', async () => {
    const records = [jobRecordOf({ id: first }), jobRecordOf({ id: second })];
    const client = { list: async () => records };
    const line = (await call(jobLs, client, [], { json: true })).output.results;
    assert.equal(line.length, 1);
    assert.deepEqual(JSON.parse(line[0] ?? ''), records);
    const pretty = (await call(jobLs, client, [], { jsonPretty: true })).output.results.join('\n');
    assert.match(pretty, /^\[\n {2}\{\n/);
    assert.deepEqual(JSON.parse(pretty), records);
  });
});

test('an error of the queue reaches the person', async () => {
  await assert.rejects(
    call(jobLs, {}, []),
    (error) => error instanceof SdmeError && error.code === 'queue.unavailable',
  );
});
