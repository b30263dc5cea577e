import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { JobState } from '../contracts/index.ts';
import { type NewJob, recordFields } from './create-record.ts';
import { type Envelope, type JobBody, sealEnvelope } from './envelope.ts';
import { keyPrefix, keys } from './keys.ts';

/** A job ready to be submitted as a part of a flow, its place there as its body has it. */
export interface FlowJob extends NewJob {
  readonly flow: Readonly<NonNullable<JobBody['flow']>>;
}

/** A flow ready to be submitted: jobs, each of which names those it runs after. */
export interface NewFlow {
  readonly id: string;
  /** Says whether two submissions under one id ask for the same. */
  readonly digest: string;
  /** The host of all its jobs. */
  readonly host: string;
  /** Epoch milliseconds. */
  readonly submittedAt: number;
  readonly jobs: readonly FlowJob[];
}

/** What became of a flow's submission, and the ids of its jobs by name. `existing`: it was there already. */
export interface FlowSubmission {
  readonly outcome: 'created' | 'existing' | 'mismatch';
  readonly jobs: Readonly<Record<string, string>>;
}

const flowReply = z.tuple([z.enum(['created', 'existing', 'mismatch'])], z.string());

/** Makes the records of all jobs of a flow, unless it is there already; `ready` are those to be put into BullMQ. */
export async function createFlow(
  redis: Redis,
  { id, digest, host, submittedAt, jobs }: NewFlow,
): Promise<{ submission: FlowSubmission; ready: (JobBody & { readonly envelope: Envelope })[] }> {
  const sealed = jobs.map((job) => ({ job, envelope: sealEnvelope(job.body) }));
  const next = followers(jobs);
  const reply = await redis.sdmeSubmitFlow(
    keys.flow(id),
    `${keyPrefix}:`,
    id,
    digest,
    host,
    submittedAt,
    ...sealed.flatMap(({ job, envelope }) => flowArguments(job, envelope, next.get(job.body.id) ?? [])),
  );
  const [outcome, ...found] = flowReply.parse(reply);
  if (outcome !== 'created') return { submission: { outcome, jobs: pairs(found) }, ready: [] };
  return {
    submission: { outcome, jobs: Object.fromEntries(jobs.map(({ flow, body }) => [flow.name, body.id])) },
    ready: sealed.flatMap(({ job, envelope }) => (isFirst(job) ? { ...job.body, envelope } : [])),
  };
}

/** Ids of the jobs that run after each, by its id. Pure. */
function followers(jobs: readonly FlowJob[]): Map<string, string[]> {
  const edges = jobs.flatMap(({ body, flow }) =>
    Object.values(flow.after).map((before) => ({ before, id: body.id })),
  );
  const byId = Map.groupBy(edges, ({ before }) => before);
  return new Map([...byId].map(([before, group]) => [before, group.map(({ id }) => id)]));
}

function flowArguments(job: FlowJob, envelope: Envelope, next: readonly string[]): (string | number)[] {
  const { body, flow } = job;
  const fields = recordFields(job, envelope, {
    flow: flow.id,
    flowName: flow.name,
    needs: isFirst(job) ? undefined : Object.keys(flow.after).join(' '),
    next: next.length === 0 ? undefined : next.join(' '),
  });
  const state: JobState = isFirst(job) ? 'queued' : 'waiting';
  return [body.id, flow.name, state, body.expiresAt, fields.length / 2, ...fields];
}

function isFirst({ flow }: FlowJob): boolean {
  return Object.keys(flow.after).length === 0;
}

function pairs(flat: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) found[flat[i] ?? ''] = flat[i + 1] ?? '';
  return found;
}
