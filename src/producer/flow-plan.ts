import { createHash } from 'node:crypto';
import { SdmeError } from '../base/errors.ts';
import { newUlid } from '../base/ulid.ts';
import { contracts, type JobKind } from '../contracts/index.ts';
import { derivedId } from '../queue/derived-id.ts';
import { canonicalJson, type JobRequest } from '../queue/envelope.ts';
import type { FlowJob, NewFlow } from '../queue/flows.ts';
import { partIdOf } from '../queue/part-id.ts';
import { checkAll } from './check-all.ts';
import { flowOrder, type Ordered } from './flow-order.ts';
import { parseKind, prepareJob } from './requests.ts';

/** One job of a flow before it has been checked. */
export interface RawFlowJob extends Ordered, Pick<JobRequest, 'limits' | 'retryOf'> {
  readonly kind: JobKind;
  readonly input: unknown;
}

/** Most jobs in one flow: it is written in one go, and the server does nothing else meanwhile. */
export const maxFlowJobs = 1_000;

/**
 * Checks all jobs of a flow and gives each its id and its place. `key` makes the flow's id; without one it is new.
 * Pure but for ids. @throws SdmeError `input.invalid` naming what is wrong with which job
 */
export function planFlow(
  host: string,
  raw: Readonly<Record<string, RawFlowJob>>,
  key: string | undefined,
  now: number,
): NewFlow {
  const count = Object.keys(raw).length;
  if (count === 0 || count > maxFlowJobs) {
    throw new SdmeError('input.invalid', `a flow takes 1 to ${maxFlowJobs} jobs, not ${count}`);
  }
  const self = newUlid(now);
  const id = derivedId('f', key === undefined ? self : JSON.stringify([host, key]));
  const checks = flowOrder(new Map(Object.entries(raw))).map(([name, job]) => {
    const { kind, input, after = [], ...more } = job;
    const flow = { id, name, after: Object.fromEntries(after.map((one) => [one, partIdOf(self, one)])) };
    const request = { ...more, host, now, id: partIdOf(self, name), flow };
    return { label: `job ${name}`, check: () => ({ ...prepareJob(kind, input, request), flow }) };
  });
  const jobs = withTimeToWait(checkAll('jobs of the flow', checks), now);
  return { id, digest: digestOf(host, jobs), host, submittedAt: now, jobs };
}

/** Says the same for the same jobs, whatever the order in which they were given. */
function digestOf(host: string, jobs: readonly FlowJob[]): string {
  const asked = jobs.map(({ body: { kind, input }, flow: { name, after } }) => {
    return [name, [kind, input, Object.keys(after).sort()]];
  });
  return createHash('sha256')
    .update(canonicalJson([host, Object.fromEntries(asked)]))
    .digest('base64url');
}

/** Jobs in order, their time in the queue counted from when those they run after have ended at the latest. */
function withTimeToWait(jobs: readonly FlowJob[], now: number): FlowJob[] {
  const ends = new Map<string, number>();
  return jobs.map((job) => {
    const before = Object.values(job.flow.after).map((id) => ends.get(id) ?? now);
    const expiresAt = job.body.expiresAt + Math.max(now, ...before) - now;
    ends.set(job.body.id, expiresAt + longestRun(job));
    return { ...job, body: { ...job.body, expiresAt } };
  });
}

/** Milliseconds, with all attempts. */
function longestRun({ body, attempts }: FlowJob): number {
  const { limits, retry } = contracts[parseKind(body.kind)];
  return attempts * ((body.limits?.runMs ?? limits.runMs) + retry.maxBackoffMs);
}
