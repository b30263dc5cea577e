import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runJob } from '../../../../src/cli/run/run-job.ts';
import type { JobEvent, JobRecord } from '../../../../src/contracts/index.ts';
import { type Answers, cliSession, fakeInterrupt } from '../../../helpers/cli-session.ts';
import { fakeOutput } from '../../../helpers/fake-output.ts';
import { errorOf, jobRecordOf, logLineOf } from '../../../helpers/job-record.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

const id = '01JDZ3V8K6M2T0Q4R6W8Y0A2C4';
const ping = { kind: 'host.ping', subject: '-' } as const;
const cancelled = errorOf('job.cancelled', 'the job was cancelled on request');

/** A client with one job that goes through these events. */
function client(events: (cancelled: Promise<void>) => AsyncIterable<JobEvent>, calls: string[]): Answers {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    submit: async (kind) => {
      calls.push(`submit ${kind}`);
      return { id, existing: false };
    },
    watch: () => events(promise),
    cancel: async (wanted) => {
      calls.push(`cancel ${wanted}`);
      resolve();
      return jobRecordOf({ state: 'cancelling' });
    },
  };
}

const end = (changes: Partial<JobRecord>): JobEvent => ({
  type: 'end',
  record: jobRecordOf({ ...ping, ...changes }),
});

describe('runJob', () => {
  test('shows steps and log lines on standard error, and gives the checked result', async () => {
    await using directory = await tempDir();
    const output = fakeOutput();
    async function* events(): AsyncGenerator<JobEvent> {
      yield { type: 'record', record: jobRecordOf({ ...ping, progress: { step: 'look', items: [] } }) };
      yield { type: 'log', line: logLineOf('a warning', { level: 'warn' }) };
      yield end({ state: 'succeeded', result: { host: 'here', at: 5 } });
    }
    await using session = cliSession({ directory: directory.path, output, client: client(events, []) });
    assert.deepEqual(await runJob(session, 'host.ping', {}), { host: 'here', at: 5 });
    assert.deepEqual([output.notes, output.results], [['  look', 'a warning'], []]);
  });

  test('with --detach prints the id and waits for nothing', async () => {
    await using directory = await tempDir();
    const output = fakeOutput();
    const answers = client(() => assert.fail('it watches'), []);
    await using session = cliSession({ directory: directory.path, output, client: answers });
    assert.equal(await runJob(session, 'host.ping', {}, { detach: true }), undefined);
    assert.deepEqual(output.results, [id]);
  });

  test("fails with the job's own error", async () => {
    await using directory = await tempDir();
    async function* events(): AsyncGenerator<JobEvent> {
      const error = errorOf('exists', 'fs already exists: x', 'why');
      yield end({ state: 'failed', error });
    }
    await using session = cliSession({ directory: directory.path, client: client(events, []) });
    await assert.rejects(runJob(session, 'host.ping', {}), {
      code: 'exists',
      message: 'fs already exists: x',
    });
  });

  test('an interrupt cancels the job, says so, and waits until it is cancelled', async () => {
    await using directory = await tempDir();
    const [output, interrupt, calls] = [fakeOutput(), fakeInterrupt(), [] as string[]];
    async function* events(asked: Promise<void>): AsyncGenerator<JobEvent> {
      yield { type: 'record', record: jobRecordOf(ping) };
      interrupt.press();
      await asked;
      calls.push('all is undone');
      yield end({ state: 'cancelled', error: cancelled });
    }
    await using session = cliSession({
      directory: directory.path,
      output,
      interrupt,
      client: client(events, calls),
    });
    await assert.rejects(runJob(session, 'host.ping', {}), { code: 'job.cancelled' });
    assert.deepEqual(calls, ['submit host.ping', `cancel ${id}`, 'all is undone']);
    assert.ok(output.notes.includes(`cancelling job ${id}`));
  });

  test('an interrupt while the job is being submitted cancels it once it has an id', async () => {
    await using directory = await tempDir();
    const [interrupt, calls] = [fakeInterrupt(), [] as string[]];
    async function* events(asked: Promise<void>): AsyncGenerator<JobEvent> {
      await asked;
      yield end({ state: 'cancelled', error: cancelled });
    }
    const answers = client(events, calls);
    const submit: Answers['submit'] = async () => {
      interrupt.press();
      return { id, existing: false };
    };
    await using session = cliSession({
      directory: directory.path,
      interrupt,
      client: { ...answers, submit },
    });
    await assert.rejects(runJob(session, 'host.ping', {}), { code: 'job.cancelled' });
    assert.deepEqual(calls, [`cancel ${id}`]);
  });

  test('nothing is submitted after an interrupt', async () => {
    await using directory = await tempDir();
    const [interrupt, calls] = [fakeInterrupt(), [] as string[]];
    interrupt.press();
    const answers = client(() => assert.fail('it watches'), calls);
    await using session = cliSession({ directory: directory.path, interrupt, client: answers });
    await assert.rejects(runJob(session, 'host.ping', {}), { code: 'job.cancelled' });
    assert.deepEqual(calls, []);
  });
});
