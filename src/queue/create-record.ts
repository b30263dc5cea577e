import type { Redis } from 'ioredis';
import { z } from 'zod';
import { argumentDigest, type Envelope, type JobBody } from './envelope.ts';
import { keyPrefix, keys } from './keys.ts';
import { childField } from './record-codec.ts';

/** A job ready to be submitted. */
export interface NewJob {
  readonly body: JobBody;
  /** The object a listing shows: `contract.subject(input)`. */
  readonly subject: string;
  /** Attempts in all: `contract.retry.attempts`. */
  readonly attempts: number;
  /** In a batch: the ended job whose place this one takes. */
  readonly replaces?: string;
}

/** What became of a submission. `existing`: the id is that of the job that was there already. */
export type Submission =
  | { readonly outcome: 'created' | 'existing'; readonly id: string }
  | { readonly outcome: 'mismatch'; readonly id: string };

const submitReply = z.tuple([z.enum(['created', 'existing', 'mismatch']), z.string()]);

/** Makes a job's record, unless there is one already. */
export async function createRecord(redis: Redis, job: NewJob, envelope: Envelope): Promise<Submission> {
  const { body } = job;
  const key = body.idempotencyKey === undefined ? '' : keys.idempotency(body.host, body.idempotencyKey);
  const more = {
    idempotencyKey: body.idempotencyKey,
    idem: key === '' ? undefined : key,
    batch: body.batch?.id,
    batchIndex: body.batch?.index,
    parent: body.parent?.id,
    parentName: body.parent?.name,
    // A child has a worker from the start: its parent's.
    held: body.parent === undefined ? undefined : 1,
  };
  const reply = await redis.sdmeSubmit(
    keys.job(body.id),
    `${keyPrefix}:`,
    body.id,
    body.host,
    body.submittedAt,
    body.expiresAt,
    key,
    key === '' ? '' : argumentDigest(body),
    body.batch?.id ?? '',
    body.batch?.index ?? '',
    job.replaces ?? '',
    body.parent?.id ?? '',
    body.parent === undefined ? '' : childField + body.parent.name,
    ...recordFields(job, envelope, more),
  );
  const [outcome, id] = submitReply.parse(reply);
  return { outcome, id };
}

/** A new record's fields and their values in turn: those every job has, and `more`. Pure. */
export function recordFields(
  { body, subject, attempts }: NewJob,
  envelope: Envelope,
  more: Readonly<Record<string, string | number | undefined>>,
): (string | number)[] {
  const fields: Readonly<Record<string, string | number | undefined>> = {
    kind: body.kind,
    host: body.host,
    queue: body.queue,
    subject,
    attempts,
    submittedAt: body.submittedAt,
    envelope: envelope.p,
    retryOf: body.retryOf,
    ...more,
  };
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
}
