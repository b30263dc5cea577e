import { SdmeError } from '../base/errors.ts';
import { type BatchStatus, endStates, jobStates } from '../contracts/index.ts';
import type { BatchCounts, BatchHead } from '../queue/batches.ts';
import type { OpenQueue } from './session.ts';

/** A failed job of a batch, as its status lists it. */
export type BatchFailure = BatchStatus['failures'][number];

/** A status, and which jobs its failures are. */
export interface BatchSnapshot {
  readonly status: BatchStatus;
  /** Jobs of the batch that exist so far; less than the total while, or after, a submit broke off. */
  readonly submitted: number;
}

/** True once every job of the batch exists and has ended. */
export function batchEnded(status: BatchStatus): boolean {
  return endStates.reduce((sum, state) => sum + (status.states[state] ?? 0), 0) >= status.total;
}

/** True when every job that exists has ended, though some do not exist. */
export function batchStuck(snapshot: BatchSnapshot): boolean {
  const { status, submitted } = snapshot;
  const ended = endStates.reduce((sum, state) => sum + (status.states[state] ?? 0), 0);
  return ended === submitted && submitted < status.total;
}

/**
 * The status from the batch's counters. Records are read of failed jobs only, and of those once: `known` keeps
 * them between two looks, as a failure does not change.
 * @throws SdmeError `not-found`
 */
export async function lookAtBatch(
  queue: OpenQueue,
  id: string,
  known: Map<string, BatchFailure>,
): Promise<BatchSnapshot> {
  const [head, counts, failed] = await Promise.all([
    queue.batches.head(id),
    queue.batches.counts(id),
    queue.batches.failed(id),
  ]);
  if (head === undefined) throw new SdmeError('not-found', `batch not found: ${id}`, { facts: { id } });
  const unread = failed.filter(({ job }) => !known.has(job));
  const records = await queue.records.readMany(unread.map(({ job }) => job));
  for (const [i, record] of records.entries()) {
    const member = unread[i];
    if (record?.error === undefined || member === undefined) continue;
    known.set(member.job, { ...member, subject: record.subject, error: record.error });
  }
  const failures = failed.flatMap(({ job }) => known.get(job) ?? []);
  return snapshotOf(head, counts, failures);
}

/** A snapshot from what the queue keeps. Pure. */
export function snapshotOf(
  head: BatchHead,
  counts: BatchCounts,
  failures: readonly BatchFailure[],
): BatchSnapshot {
  const status: BatchStatus = {
    id: head.id,
    host: head.host,
    submittedAt: head.submittedAt,
    total: head.total,
    states: counts.states,
    bytesDone: counts.bytesDone,
    bytesTotal: counts.bytesTotal,
    failures: [...failures],
  };
  return { status, submitted: jobStates.reduce((sum, state) => sum + counts.states[state], 0) };
}
