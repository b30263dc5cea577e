import { setTimeout as delay } from 'node:timers/promises';
import { type SdmeError, toSdmeError } from '../../base/errors.ts';

/** How often and how fast something is tried again. Milliseconds. */
export interface RetryRules {
  /** Tries in all, the first included. */
  readonly tries: number;
  readonly firstMs: number;
  readonly maxMs: number;
  /** The longest Retry-After that is waited for; a longer one ends the job's attempt with the hint. */
  readonly maxRetryAfterMs: number;
}

/** Bytes an attempt must bring to count as progress, so that tries begin anew but a trickle does not go on for ever. */
export const progressBytes = 8 * 1024 * 1024;

/** Five tries over some seconds; the job itself is tried again after that. */
export const defaultRetry: RetryRules = { tries: 5, firstMs: 200, maxMs: 5_000, maxRetryAfterMs: 30_000 };

/**
 * Milliseconds a Retry-After header asks for: seconds or an HTTP date (RFC 9110, 10.2.3); undefined when it says
 * nothing we understand. `now` in epoch milliseconds.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000;
  if (!/^[A-Za-z]{3,9}, /.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/**
 * Milliseconds before try number `tried + 1`, or undefined to give up: exponential with full jitter, at least what
 * Retry-After asked for. `random` is from 0 to 1.
 */
export function retryDelay(
  error: SdmeError,
  tried: number,
  rules: RetryRules,
  random: number,
): number | undefined {
  if (!error.retryable || tried >= rules.tries) return undefined;
  const asked = error.retryAfterMs ?? 0;
  if (asked > rules.maxRetryAfterMs) return undefined;
  const ceiling = Math.min(rules.maxMs, rules.firstMs * 2 ** (tried - 1));
  return asked + Math.ceil(ceiling * random);
}

/** Waits; ends with the signal's reason when that aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

/**
 * Calls `work` until it succeeds, fails for good or the tries are used up. `onRetry` is told before each pause.
 * @throws what the last try threw, or the signal's reason
 */
export async function withRetry<T>(
  rules: RetryRules,
  signal: AbortSignal,
  work: () => Promise<T>,
  onRetry: (error: SdmeError, waitMs: number) => void = () => {},
): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (thrown) {
      signal.throwIfAborted();
      const error = toSdmeError(thrown);
      const waitMs = retryDelay(error, tried, rules, Math.random());
      if (waitMs === undefined) throw error;
      onRetry(error, waitMs);
      await pause(waitMs, signal);
    }
  }
}
