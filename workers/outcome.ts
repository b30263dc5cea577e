import type { Outcome } from '../src/base/context.ts';
import { type SdmeError, toErrorRecord, toSdmeError } from '../src/base/errors.ts';
import type { RetryPolicy } from '../src/contracts/index.ts';

/** What happens to a job after its handler has settled. */
export type Settlement =
  | { readonly do: 'end'; readonly outcome: Outcome }
  | { readonly do: 'retry'; readonly delayMs: number; readonly error: SdmeError }
  | { readonly do: 'hand-back' }
  /** It is no job of ours, or has ended already: BullMQ shall forget it. */
  | { readonly do: 'drop' };

/** The facts by which a failed attempt is judged. */
export interface AttemptFacts {
  /** The first reason for which the job's signal was aborted, if it was. */
  readonly abortReason: SdmeError | undefined;
  /** This attempt's number, from 1. */
  readonly attempt: number;
  readonly retry: RetryPolicy;
  /** From 0 to below 1, for the jitter. */
  readonly random: number;
}

/** A job that waits keeps its place, its names and the embedded queue; a registry can ask for years. */
const longestWaitMs = 60 * 60_000;

/**
 * The one table that turns what a handler threw into what happens to its job.
 *
 * | the handler rejected after | outcome |
 * | --- | --- |
 * | cancel | cancelled |
 * | the worker's stop | handed back, the attempt does not count |
 * | a limit (run, no progress) | the limit's error, judged like any other |
 * | a retryable error, attempts left | again after the backoff, at least what the other side asked for |
 * | one whose other side asks for more than an hour | failed |
 * | anything else | failed |
 *
 * A job that came to its result although its signal was aborted has succeeded; that case never gets here.
 */
export function settleFailure(thrown: unknown, facts: AttemptFacts): Settlement {
  const error = facts.abortReason ?? toSdmeError(thrown);
  if (error.code === 'job.handed-back') return { do: 'hand-back' };
  if (error.code === 'job.cancelled') {
    return { do: 'end', outcome: { state: 'cancelled', error: toErrorRecord(error) } };
  }
  const canWait = (error.retryAfterMs ?? 0) <= longestWaitMs;
  if (error.retryable && canWait && facts.attempt < facts.retry.attempts) {
    return { do: 'retry', delayMs: backoffMs(error, facts), error };
  }
  return { do: 'end', outcome: { state: 'failed', error: toErrorRecord(error) } };
}

/** Full jitter over an exponential backoff, in whole milliseconds; never sooner than the other side asked. */
export function backoffMs(error: SdmeError, facts: Omit<AttemptFacts, 'abortReason'>): number {
  const { backoffMs: base, maxBackoffMs } = facts.retry;
  const ceiling = Math.min(maxBackoffMs, base * 2 ** Math.min(facts.attempt - 1, 30));
  return Math.max(Math.round(ceiling * facts.random), error.retryAfterMs ?? 0);
}
