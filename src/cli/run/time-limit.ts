import { SdmeError } from '../../base/errors.ts';
import { longestTimer } from '../../base/timers.ts';
import { exitCodes } from '../exit-codes.ts';
import { parseDuration } from '../parse/duration.ts';

/**
 * Runs `work` with a signal that aborts with `outer` or after `timeout`. @returns its value, or the exit code of
 * a timeout
 */
export async function withTimeLimit(
  timeout: string | undefined,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  if (timeout === undefined) return work(outer);
  const reason = new SdmeError('state.conflict', `not over within ${timeout}; the jobs go on`);
  const limit = new AbortController();
  // A longer time than a timer takes is as good as that: the wait does not last 25 days.
  const timer = setTimeout(() => limit.abort(reason), Math.min(parseDuration(timeout), longestTimer));
  try {
    return await work(AbortSignal.any([outer, limit.signal]));
  } catch (error) {
    if (error === reason) return exitCodes.timeout.code;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
