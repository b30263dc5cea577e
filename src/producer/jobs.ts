import { fromErrorRecord, SdmeError } from '../base/errors.ts';
import {
  type ArgumentsOf,
  isEndState,
  type JobKind,
  type JobRecord,
  type ResultOf,
} from '../contracts/index.ts';
import { damagedError } from '../queue/damaged-record.ts';
import type { NewJob } from '../queue/submission.ts';
import type { SubmitOptions, Submitted } from './client.ts';
import { retriedFlow, submitFlow } from './flows.ts';
import { parseKind, parseResult, prepareJob } from './requests.ts';
import type { OpenQueue, Session } from './session.ts';
import { readJob } from './waiting.ts';

/** Checks and submits one job. */
export async function submitJob<Kind extends JobKind>(
  session: Session,
  host: string,
  kind: Kind,
  input: ArgumentsOf<Kind>,
  options: SubmitOptions,
): Promise<Submitted> {
  const job = prepareJob(kind, input, {
    host: options.host ?? host,
    ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  return session.use((queue) => submitOne(queue, job));
}

async function submitOne(queue: OpenQueue, job: NewJob): Promise<Submitted> {
  const [answer] = await (await queue.submitter()).submit([job]);
  if (answer === undefined) throw new SdmeError('internal', 'the queue gave no answer to a submit');
  switch (answer.outcome) {
    case 'created':
      return { id: answer.id, existing: false };
    case 'existing':
      return { id: answer.id, existing: true };
    case 'mismatch':
      throw new SdmeError(
        'job.idempotency-mismatch',
        `the idempotency key ${JSON.stringify(job.body.idempotencyKey)} belongs to job ${answer.id}, which has other arguments; use another key`,
        { facts: { job: answer.id } },
      );
    default:
      return answer satisfies never;
  }
}

/** The checked result of an ended job. @throws the job's own error; `input.invalid` for a job of another kind; `job.damaged` */
export function jobResult<Kind extends JobKind>(kind: Kind, record: JobRecord): ResultOf<Kind> {
  if (record.kind !== kind) {
    throw new SdmeError('input.invalid', `job ${record.id} is a ${record.kind} job, not ${kind}`);
  }
  if (record.state === 'succeeded') {
    if (record.damaged !== undefined && record.result === undefined)
      throw damagedError(record.id, record.damaged);
    return parseResult(kind, record.result);
  }
  if (record.error !== undefined) {
    const { facts, ...error } = record.error;
    throw fromErrorRecord(facts === undefined ? error : { ...error, facts });
  }
  throw new SdmeError('internal', `job ${record.id} is ${record.state} and its record has no error`);
}

/**
 * Submits an ended job's input again. A failed or cancelled job of a batch is replaced in it, so that the
 * batch's counts stay right; with one of a flow those are run again that were not run for want of it.
 * @throws SdmeError `job.not-retryable`, `job.damaged`, `not-found`
 */
export async function retryJob(queue: OpenQueue, id: string): Promise<Submitted> {
  const record = await readJob(queue, id);
  if (!isEndState(record.state)) {
    throw new SdmeError(
      'job.not-retryable',
      `job ${id} is ${record.state}; it can be run again once it has ended`,
      {
        facts: { job: id, state: record.state },
      },
    );
  }
  if (record.damaged !== undefined && record.input === undefined) throw damagedError(id, record.damaged);
  const flow = await retriedFlow(queue, record);
  if (flow !== undefined) {
    const { jobs } = await submitFlow(queue, flow);
    return { id: jobs[record.flow?.name ?? ''] ?? '', existing: false };
  }
  const index = record.state === 'succeeded' ? undefined : await queue.batches.indexOf(id);
  const inBatch =
    record.batch === undefined || index === undefined
      ? {}
      : { batch: { id: record.batch, index }, replaces: id };
  return submitOne(
    queue,
    prepareJob(parseKind(record.kind), record.input, { host: record.host, retryOf: id, ...inBatch }),
  );
}
