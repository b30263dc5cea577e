import { z } from 'zod';
import { type ErrorCode, isErrorCode } from '../base/errors.ts';
import { isUlid } from '../base/ulid.ts';
import { jobStates } from './job-states.ts';

/** A job's id: a ULID of ours, never a Redis counter (bullmq-facts, B6). */
export const jobId = z.string().refine(isUlid, 'is not a job id');
/** A batch's id: `b` and a ULID or digest part, so that it is never taken for a job's. */
export const batchId = z.string().regex(/^b-[0-9a-z]{26}$/, 'is not a batch id');
/** A host's id. */
export const hostId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'is not a host id');

/** A flow's id. */
export const flowId = z.string().regex(/^f-[0-9a-z]{26}$/, 'is not a flow id');

const partName = /^[a-z0-9][a-z0-9._:/-]{0,127}$/;
/** What a child is called among its parent's children. */
export const childName = z.string().regex(partName, 'is not the name of a child');
/** What a job is called in its flow. */
export const flowName = z.string().regex(partName, 'is not a name in a flow');

const errorCode = z.custom<ErrorCode>(
  (value) => typeof value === 'string' && isErrorCode(value),
  'is not an error code',
);

/** The stored form of an error: see `ErrorRecord` in base. */
export const errorRecord = z.strictObject({
  code: errorCode,
  message: z.string(),
  retryable: z.boolean(),
  causes: z.array(z.string()).readonly(),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});

/** One bar of the progress tree, as it is stored. Counts are of `unit`; `total` is absent while unknown. */
export const progressItem = z.strictObject({
  id: z.string(),
  parent: z.string().optional(),
  label: z.string(),
  unit: z.enum(['bytes', 'files', 'items']),
  done: z.number(),
  total: z.number().optional(),
  note: z.string().optional(),
  end: z.enum(['done', 'cached', 'shared']).optional(),
});
export type ProgressItemRecord = z.infer<typeof progressItem>;

/** A job's progress now: the running step and the items of all steps so far. */
export const progressRecord = z.strictObject({
  step: z.string(),
  items: z.array(progressItem),
});
export type ProgressRecord = z.infer<typeof progressRecord>;

/** What `sdme job show --json` prints: the whole record of one job. Times are epoch milliseconds. */
export const jobRecord = z.strictObject({
  id: z.string(),
  kind: z.string(),
  host: z.string(),
  queue: z.enum(['control', 'bulk']),
  /** The object the job is about, e.g. the rootfs or container. */
  subject: z.string(),
  state: z.enum(jobStates),
  /** Why a `waiting` job waits, e.g. `lock fs/debian`, `retry in 2 s`, or `after image` for a job of its flow. */
  waitingFor: z.string().optional(),
  input: z.unknown(),
  result: z.unknown().optional(),
  error: errorRecord.optional(),
  progress: progressRecord,
  /** Attempts begun so far; a crash counts in `crashes`, not here. */
  attempt: z.number().int(),
  attempts: z.number().int(),
  crashes: z.number().int(),
  submittedAt: z.number(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  cancelRequestedAt: z.number().optional(),
  idempotencyKey: z.string().optional(),
  batch: z.string().optional(),
  /** The flow it is of, and the name it has there. */
  flow: z.strictObject({ id: z.string(), name: z.string() }).optional(),
  /** Ids of the jobs of its flow that it runs after, by name. */
  after: z.record(z.string(), z.string()).optional(),
  /** The job that runs this one as a part of its own work, and the name it has there. */
  parent: z.strictObject({ id: z.string(), name: z.string() }).optional(),
  /** Ids of the jobs this one runs as parts of its work, by name. */
  children: z.record(z.string(), z.string()).optional(),
  /** The job this one runs again, see `job retry`. */
  retryOf: z.string().optional(),
  /** Rises by one with each change, so that a reader knows whether it has seen the newest. */
  revision: z.number().int(),
  /** Log lines written so far. */
  logLines: z.number().int(),
  /**
   * Only of a record that somebody else wrote to: what of it cannot be read. The fields it names are absent or hold
   * what says nothing (`?`, 0); a job whose state cannot be read counts as failed, as nobody can run it any more.
   */
  damaged: z.string().optional(),
});
export type JobRecord = z.infer<typeof jobRecord>;

/** One line of a job's log. `offset` counts from 0 and never repeats. */
export const logLine = z.strictObject({
  offset: z.number().int(),
  at: z.number(),
  level: z.enum(['info', 'warn', 'error']),
  message: z.string(),
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});
export type LogLine = z.infer<typeof logLine>;

/** What a watcher sees: the record whenever it changed, log lines in order, and the end as the last event. */
export type JobEvent =
  | { readonly type: 'record'; readonly record: JobRecord }
  | { readonly type: 'log'; readonly line: LogLine }
  | { readonly type: 'end'; readonly record: JobRecord };

/** Counts of a batch's jobs by state, and bytes over all their progress. */
export const batchStatus = z.strictObject({
  id: z.string(),
  host: z.string(),
  submittedAt: z.number(),
  total: z.number().int(),
  states: z.record(z.enum(jobStates), z.number().int()),
  bytesDone: z.number(),
  bytesTotal: z.number(),
  failures: z.array(
    z.strictObject({ index: z.number().int(), job: z.string(), subject: z.string(), error: errorRecord }),
  ),
});
export type BatchStatus = z.infer<typeof batchStatus>;
