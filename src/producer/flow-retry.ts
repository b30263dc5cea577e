import { SdmeError } from '../base/errors.ts';
import { isEndState, type JobRecord } from '../contracts/index.ts';

/**
 * The jobs of a flow to run again with one of them that has not succeeded: those that were not run because it or
 * another one had failed, and those that have failed themselves and that one of these runs after. Pure.
 * @throws SdmeError `job.not-retryable` when one of them has not ended
 */
export function toRunAgain(flow: readonly JobRecord[], job: JobRecord): JobRecord[] {
  const byId = new Map(flow.map((record) => [record.id, record]));
  const chosen = new Set<JobRecord>();
  const open = [job];
  for (let record = open.pop(); record !== undefined; record = open.pop()) {
    if (chosen.has(record) || record.state === 'succeeded') continue;
    if (!isEndState(record.state)) throw stillLives(job, record);
    chosen.add(record);
    const { id } = record;
    open.push(
      ...flow.filter(({ after, error }) => holds(after, id) && error?.code === 'job.dependency-failed'),
    );
    if (record.startedAt === undefined) {
      open.push(...Object.values(record.after ?? {}).flatMap((before) => byId.get(before) ?? []));
    }
  }
  return flow.filter((record) => chosen.has(record));
}

function holds(after: JobRecord['after'], id: string): boolean {
  return Object.values(after ?? {}).includes(id);
}

function stillLives({ id }: JobRecord, other: JobRecord): SdmeError {
  return new SdmeError(
    'job.not-retryable',
    `job ${id} is to run after job ${other.id} of its flow, which is ${other.state}; it can be run again once that has ended`,
    { facts: { job: other.id, state: other.state } },
  );
}
