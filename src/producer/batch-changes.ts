import { SdmeError } from '../base/errors.ts';
import { type BatchStatus, isEndState, isJobKind } from '../contracts/index.ts';
import type { BatchMember } from '../queue/batches.ts';
import { parseState } from '../queue/states.ts';
import type { NewJob } from '../queue/submission.ts';
import type { BatchPlan } from './batch-plan.ts';
import { lookAtBatch } from './batch-status.ts';
import { prepareJob } from './requests.ts';
import type { OpenQueue } from './session.ts';

/** Jobs read or asked at once; bounds what lies in memory for a large batch. */
const chunk = 500;

/**
 * Submits what the batch does not hold yet. An interrupted call is completed, a repeated one adds nothing; two
 * at once share the work, as each index takes one job only.
 * @throws SdmeError `job.idempotency-mismatch` when the key belongs to other items
 */
export async function submitBatch(
  queue: OpenQueue,
  plan: BatchPlan,
): Promise<{ id: string; existing: boolean }> {
  const { id, host, submittedAt, items, jobs } = plan;
  const wanted = { id, host, submittedAt, total: jobs.length, items };
  const { head, existing } = await queue.batches.create(wanted);
  if (head.items !== items) {
    throw new SdmeError(
      'job.idempotency-mismatch',
      `this key belongs to batch ${id}, which has other items; use another key`,
      { facts: { batch: id } },
    );
  }
  await (await queue.submitter()).submit(await missingJobs(queue, plan));
  return { id, existing };
}

/** Jobs of the plan that the batch never had. Those it had and retention took are not run again. */
async function missingJobs(queue: OpenQueue, plan: BatchPlan): Promise<readonly NewJob[]> {
  const { states } = await queue.batches.counts(plan.id);
  const submitted = Object.values(states).reduce((sum, count) => sum + count, 0);
  if (submitted >= plan.jobs.length) return [];
  const present = new Set((await queue.batches.members(plan.id)).map(({ index }) => index));
  const never = new Set(neverSubmitted(plan.jobs.length, present, submitted));
  return plan.jobs.filter((_job, index) => never.has(index));
}

/**
 * Indexes of a batch that no job ever had: of those that none has now, all but the first, as jobs are submitted by
 * index and counted for ever. The first ones had jobs that retention took. Pure.
 */
export function neverSubmitted(total: number, present: ReadonlySet<number>, submitted: number): number[] {
  const without = Array.from({ length: total }, (_, index) => index).filter((index) => !present.has(index));
  return without.slice(Math.max(0, submitted - present.size));
}

/** A job with a damaged record cannot be cancelled: the worker sets it aside. */
function unlessDamaged(error: unknown): void {
  if (!(error instanceof SdmeError) || error.code !== 'job.damaged') throw error;
}

/** Asks all jobs that have not ended to end; the status right afterwards. @throws SdmeError `not-found` */
export async function cancelBatch(queue: OpenQueue, id: string): Promise<BatchStatus> {
  const members = await queue.batches.members(id);
  const submitter = await queue.submitter();
  for (const part of chunks(members)) {
    const states = await queue.batches.states(part.map(({ job }) => job));
    const live = part.filter((_member, i) => {
      const state = parseState(states[i] ?? '');
      return state !== undefined && !isEndState(state);
    });
    await Promise.all(live.map(({ job }) => submitter.cancel(job).catch(unlessDamaged)));
  }
  return (await lookAtBatch(queue, id, new Map())).status;
}

/** Jobs of a batch that were cancelled. */
async function cancelledOf(queue: OpenQueue, id: string): Promise<BatchMember[]> {
  const members = await queue.batches.members(id);
  const states = await queue.batches.states(members.map(({ job }) => job));
  return members.filter((_member, i) => states[i] === 'cancelled');
}

/**
 * Submits the input of every failed, or every cancelled, job again, each in the place of the old one, so that the
 * counts stay those of the batch's items. Returns how many. @throws SdmeError `not-found`
 */
export async function retryEnded(
  queue: OpenQueue,
  id: string,
  state: 'failed' | 'cancelled',
): Promise<number> {
  const head = await queue.batches.head(id);
  if (head === undefined) throw new SdmeError('not-found', `batch not found: ${id}`, { facts: { id } });
  let count = 0;
  const members = await (state === 'failed' ? queue.batches.failed(id) : cancelledOf(queue, id));
  for (const part of chunks(members)) {
    const jobs = await replacements(queue, id, head.host, part);
    const answers = await (await queue.submitter()).submit(jobs);
    count += answers.filter(({ outcome }) => outcome === 'created').length;
  }
  return count;
}

async function replacements(
  queue: OpenQueue,
  id: string,
  host: string,
  ended: readonly BatchMember[],
): Promise<NewJob[]> {
  const records = await queue.records.readMany(ended.map(({ job }) => job));
  return records.flatMap((record, i) => {
    const member = ended[i];
    if (record === undefined || member === undefined || !isJobKind(record.kind)) return [];
    // Nobody knows any more what a job with a damaged record was to do.
    if (record.damaged !== undefined && record.input === undefined) return [];
    return prepareJob(record.kind, record.input, {
      host,
      batch: { id, index: member.index },
      retryOf: member.job,
      replaces: member.job,
    });
  });
}

function* chunks<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += chunk) yield all.slice(at, at + chunk);
}
