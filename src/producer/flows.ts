import { SdmeError } from '../base/errors.ts';
import type { JobRecord } from '../contracts/index.ts';
import type { NewFlow } from '../queue/flows.ts';
import type { SubmittedFlow } from './client.ts';
import { planFlow, type RawFlowJob } from './flow-plan.ts';
import { toRunAgain } from './flow-retry.ts';
import { parseKind } from './requests.ts';
import type { OpenQueue } from './session.ts';

/** Submits a flow that has been checked. @throws SdmeError `job.idempotency-mismatch` */
export async function submitFlow(queue: OpenQueue, flow: NewFlow): Promise<SubmittedFlow> {
  const { outcome, jobs } = await (await queue.submitter()).submitFlow(flow);
  if (outcome !== 'mismatch') return { id: flow.id, jobs, existing: outcome === 'existing' };
  throw new SdmeError(
    'job.idempotency-mismatch',
    `this key belongs to flow ${flow.id}, which has other jobs; use another key`,
    { facts: { flow: flow.id } },
  );
}

/**
 * The flow to submit for running a job of a flow again, or undefined when nothing else has to run with it.
 * @throws SdmeError `job.not-retryable`
 */
export async function retriedFlow(queue: OpenQueue, job: JobRecord): Promise<NewFlow | undefined> {
  if (job.flow === undefined || job.state === 'succeeded') return undefined;
  const again = toRunAgain(await queue.records.list({ flow: job.flow.id }), job);
  if (again.length < 2) return undefined;
  const ids = new Set(again.map(({ id }) => id));
  const jobs = again.map((record): [string, RawFlowJob] => {
    const after = Object.entries(record.after ?? {}).flatMap(([name, id]) => (ids.has(id) ? [name] : []));
    const { kind, input, id: retryOf, flow } = record;
    return [flow?.name ?? '', { kind: parseKind(kind), input, retryOf, after }];
  });
  return planFlow(job.host, Object.fromEntries(jobs), undefined, Date.now());
}
