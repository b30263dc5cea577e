import type { Outcome } from '../../src/base/context.ts';

/** What the journal says about a job that a worker is about to run. */
export type Opened =
  /**
   * It may run. `attempt` counts from 1; `crashes` is how often a worker died while it ran; `first` when no
   * worker of this host ever had it before.
   */
  | {
      readonly state: 'open';
      readonly attempt: number;
      readonly crashes: number;
      readonly first: boolean;
    }
  /** It has run to its end: this is the outcome, and it must not run again. */
  | { readonly state: 'done'; readonly outcome: Outcome; readonly attempt: number; readonly crashes: number };

/**
 * The host's own record of the jobs it ran. BullMQ delivers at least once; this makes the effect happen once:
 * an entry is opened before the handler runs and is claimed by one living worker at a time; a done entry keeps
 * the outcome.
 */
export interface Journal extends AsyncDisposable {
  /**
   * Claims the job for this worker. A claim of a dead worker is taken over, and counts as a crash of the job if
   * its handler was running; a claim of a living one is waited for. On disk once it resolves.
   * @throws the signal's reason; SdmeError `io`, `disk.full`
   */
  open(id: string, kind: string, signal: AbortSignal): Promise<Opened>;
  /** The handler of a job with `crashes` > 0 begins; until then a crash of the worker is not blamed on it. */
  running(id: string): Promise<void>;
  /** The step the job is in, for whoever looks into the file; written with the next other entry. */
  step(id: string, step: string): void;
  /** The attempt ended without an outcome; `counts` says whether the next one is a further attempt. */
  release(id: string, counts: boolean): Promise<void>;
  /** The job has ended. On disk once it resolves. */
  done(id: string, outcome: Outcome): Promise<void>;
  /** Forgets jobs that no worker holds and that were submitted before `before` (epoch milliseconds). */
  prune(before: number): Promise<number>;
}

/** A journal in memory: for measuring what the real one costs, never for real work. */
export function memoryJournal(): Journal {
  const entries = new Map<string, { attempt: number; outcome?: Outcome }>();
  return {
    open: async (id) => {
      const known = entries.get(id);
      const entry = known ?? { attempt: 1 };
      entries.set(id, entry);
      const counts = { attempt: entry.attempt, crashes: 0, first: known === undefined };
      if (entry.outcome !== undefined) return { state: 'done', outcome: entry.outcome, ...counts };
      return { state: 'open', ...counts };
    },
    running: async () => {},
    step: () => {},
    release: async (id, counts) => {
      const entry = entries.get(id);
      if (entry !== undefined && counts) entry.attempt += 1;
    },
    done: async (id) => {
      entries.delete(id);
    },
    prune: async () => 0,
    [Symbol.asyncDispose]: async () => {},
  };
}
