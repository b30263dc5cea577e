import { SdmeError } from '../src/base/errors.ts';
import { longestTimer } from '../src/base/timers.ts';
import type { JobLimits } from '../src/contracts/index.ts';
import type { JobBody } from '../src/queue/envelope.ts';
import type { Kind } from './kinds.ts';

/** The kind's limits with the job's own on top. Pure. */
export function limitsOf(kind: Pick<Kind, 'limits'>, body: Pick<JobBody, 'limits'>): JobLimits {
  const { queueMs, runMs, noProgressMs } = kind.limits;
  return {
    queueMs: body.limits?.queueMs ?? queueMs,
    runMs: body.limits?.runMs ?? runMs,
    noProgressMs: body.limits?.noProgressMs ?? noProgressMs,
  };
}

/** Watches one attempt's limits; aborts it when one is broken. */
export interface LimitWatch extends Disposable {
  /** Begins to watch; a job that has ended by then is spared the timers. */
  begin(): void;
  /** The job gave a sign of progress. */
  sign(): void;
  /** The job waits for a slot: silence is no fault of its own until the result is disposed of. */
  excuse(): Disposable;
}

/** A watch of run time and silence, counted from now; `abort` is called at most once for each. */
export function watchLimits(
  limits: Pick<JobLimits, 'runMs' | 'noProgressMs'>,
  abort: (reason: SdmeError) => void,
): LimitWatch {
  const made = performance.now();
  let lastSign = made;
  let excused = 0;
  let run: NodeJS.Timeout | undefined;
  let silence: NodeJS.Timeout | undefined;
  const look = (): void => {
    const quiet = excused > 0 ? 0 : performance.now() - lastSign;
    const left = limits.noProgressMs - quiet;
    if (left > 0) {
      silence = longTimeout(Math.ceil(left), look);
      return;
    }
    const seconds = limits.noProgressMs / 1000;
    abort(new SdmeError('job.no-progress', `the job made no progress for ${seconds} s`));
  };
  const late = (): void => {
    abort(new SdmeError('job.run-timeout', `the job ran longer than its limit of ${limits.runMs / 1000} s`));
  };
  return {
    begin: () => {
      run = longTimeout(limits.runMs - (performance.now() - made), late);
      look();
    },
    sign: () => {
      lastSign = performance.now();
    },
    excuse: () => {
      excused += 1;
      return {
        [Symbol.dispose]: () => {
          excused -= 1;
          lastSign = performance.now();
        },
      };
    },
    [Symbol.dispose]: () => {
      clearTimeout(run);
      clearTimeout(silence);
    },
  };
}

/** A limit longer than a timer takes is as good as that. */
function longTimeout(ms: number, then: () => void): NodeJS.Timeout {
  return setTimeout(then, Math.min(ms, longestTimer));
}
