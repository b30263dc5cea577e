/**
 * States of a job. `queued`: in the queue; `waiting`: for the jobs of its flow that it runs after, or, taken by the
 * worker, for a lock, a slot or the delay before its next attempt; `cancelling`: asked to end, its children and staging not gone yet.
 */
export const jobStates = [
  'queued',
  'waiting',
  'running',
  'cancelling',
  'succeeded',
  'failed',
  'cancelled',
] as const;
export type JobState = (typeof jobStates)[number];
export const endStates = ['succeeded', 'failed', 'cancelled'] as const satisfies readonly JobState[];
export type EndState = (typeof endStates)[number];

/** True once a job has ended. */
export function isEndState(state: JobState): state is EndState {
  return (endStates as readonly JobState[]).includes(state);
}
