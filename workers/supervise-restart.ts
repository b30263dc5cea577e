import type { ChildEnd } from '../src/system/exec/child.ts';

/** How often a child has failed without coming up properly in between. */
export interface RestartHistory {
  /** Consecutive ends, of any kind but the good one, after a short run. */
  readonly shortRuns: number;
  /** Consecutive ends with an exit code before it can have done anything: a fault that starting again keeps. */
  readonly failedStarts: number;
}

export const noRestarts: RestartHistory = Object.freeze({ shortRuns: 0, failedStarts: 0 });

/** What to do about a child that ended though nobody asked it to. */
export type RestartDecision =
  | { readonly action: 'restart'; readonly delayMs: number; readonly history: RestartHistory }
  | { readonly action: 'give-up' };

/** A run at least this long clears the history. */
const healthyRunMs = 10_000;
/** An exit code within this time is a failed start, e.g. a configuration that does not parse. */
const failedStartMs = 3_000;
const firstDelayMs = 100;
const longestDelayMs = 2_000;
const mostFailedStarts = 8;

/**
 * Restarts with a growing pause, at most 2 s: a job's next attempt waits for it. Gives up only after eight
 * failed starts in a row; a child that is killed again and again (a job that kills its worker) is always
 * restarted, as the worker itself fails that job after a stated number of crashes.
 */
export function decideRestart(history: RestartHistory, end: ChildEnd, ranMs: number): RestartDecision {
  const failedStart = end.code !== undefined && ranMs < failedStartMs;
  const failedStarts = failedStart ? history.failedStarts + 1 : 0;
  if (failedStarts >= mostFailedStarts) return { action: 'give-up' };
  const shortRuns = ranMs < healthyRunMs ? history.shortRuns + 1 : 1;
  const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(shortRuns - 1, 10));
  return { action: 'restart', delayMs, history: { shortRuns, failedStarts } };
}

/** `exit code 1` or `SIGKILL`, for the log. */
export function describeEnd(end: ChildEnd): string {
  return end.signal ?? `exit code ${end.code ?? 'unknown'}`;
}
