import type { z } from 'zod';
import type { LockKind } from '../base/paths.ts';

/** The two queues of a host: short work never waits behind long work (design, section 4). */
export type QueueName = 'control' | 'bulk';

/** A lock a job holds while its handler runs. Taken in the order of `lockKinds`, then by name. */
export interface LockRequest {
  readonly kind: LockKind;
  readonly name: string;
  readonly mode: 'shared' | 'exclusive';
}

/** How often and how a retryable error is tried again: exponential from `backoffMs`, with full jitter. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

/** Limits of one job, in milliseconds; a producer may lower or raise them per job. */
export interface JobLimits {
  /** From submission until a worker first takes it. */
  readonly queueMs: number;
  /** Of one attempt, from start to end. */
  readonly runMs: number;
  /** Between two signs of progress of a running job. */
  readonly noProgressMs: number;
}

/**
 * What producers and workers agree on for one kind of job. Input and result are parsed with these schemas at
 * both ends; `locks` is a pure function of the parsed input.
 */
export interface Contract<
  Kind extends string = string,
  Input = unknown,
  Result = unknown,
  Arguments = unknown,
> {
  readonly kind: Kind;
  /** One line for `--help`, listings and docs/jobs.md. */
  readonly summary: string;
  readonly queue: QueueName;
  /** From what a producer may leave out or write in several ways, to what a handler gets. */
  readonly input: z.ZodType<Input, Arguments>;
  readonly result: z.ZodType<Result>;
  readonly locks: (input: Input) => readonly LockRequest[];
  readonly retry: RetryPolicy;
  readonly limits: JobLimits;
  /** How many times the worker may die while it runs this job before the job is failed. */
  readonly maxCrashes: number;
  /** Name of the object a listing shows for this job, e.g. the rootfs or container. */
  readonly subject: (input: Input) => string;
}

const minute = 60_000;
const hour = 60 * minute;

/** Once: bad input and refusals do not get better by repetition. */
export const noRetry: RetryPolicy = { attempts: 1, backoffMs: 0, maxBackoffMs: 0 };
/** For work that talks to a network: four tries over about a quarter of a minute. */
export const networkRetry: RetryPolicy = { attempts: 4, backoffMs: 1_000, maxBackoffMs: 30_000 };

/** Limits of short work on the control queue. */
export const controlLimits: JobLimits = { queueMs: hour, runMs: 10 * minute, noProgressMs: 5 * minute };
/** Limits of long work on the bulk queue. A thousand imports may wait a day for their turn. */
export const bulkLimits: JobLimits = { queueMs: 24 * hour, runMs: 6 * hour, noProgressMs: 10 * minute };

/** Fills the defaults of a contract from its queue; keeps the literal kind and the schema types. */
export function defineContract<const Kind extends string, Input, Result, Arguments>(
  contract: Pick<
    Contract<Kind, Input, Result, Arguments>,
    'kind' | 'summary' | 'queue' | 'input' | 'result' | 'subject'
  > &
    Partial<Contract<Kind, Input, Result, Arguments>>,
): Contract<Kind, Input, Result, Arguments> {
  return Object.freeze({
    locks: () => [],
    retry: noRetry,
    limits: contract.queue === 'control' ? controlLimits : bulkLimits,
    maxCrashes: 3,
    ...contract,
  });
}
