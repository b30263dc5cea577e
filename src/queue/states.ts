import { endStates, type JobState, jobStates } from '../contracts/index.ts';

/**
 * Which state may follow which. `X -> X` is a change of the record's other fields.
 *
 * - queued -> cancelled/failed: no worker held it, so nothing has to be undone; failed is a queue timeout, a
 *   poisoned envelope or the crash limit.
 * - queued/waiting -> succeeded: a second delivery found the result in the host's journal.
 * - waiting/running/cancelling -> queued, running: the worker handed it back or died, and it was delivered again.
 * - cancelling -> succeeded/failed: the handler had come to its end before it saw the signal; that is what happened.
 */
export const nextStates: Readonly<Record<JobState, readonly JobState[]>> = {
  queued: ['queued', 'waiting', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled'],
  waiting: ['waiting', 'queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled'],
  running: ['running', 'queued', 'waiting', 'cancelling', 'succeeded', 'failed', 'cancelled'],
  cancelling: ['cancelling', 'succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
};

/** True when the table allows the move. */
export function mayBecome(from: JobState, to: JobState): boolean {
  return nextStates[from].includes(to);
}

/** The states from which `to` may be reached. */
export function statesBefore(to: JobState): readonly JobState[] {
  return jobStates.filter((from) => mayBecome(from, to));
}

/** States of jobs that have not ended. */
export const liveStates: readonly JobState[] = jobStates.filter(
  (state) => !(endStates as readonly JobState[]).includes(state),
);

/** The text form of a state, if it is one. */
export function parseState(text: string): JobState | undefined {
  return jobStates.find((state) => state === text);
}
