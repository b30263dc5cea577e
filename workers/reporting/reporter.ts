import type { JobLog, Progress } from '../../src/base/context.ts';
import type { DeliveryRef, ProgressSnapshot, RecordWriter } from '../../src/queue/lifecycle.ts';
import { coalesce } from './coalesce.ts';
import { makeJobLog } from './job-log.ts';
import { makeProgressTree } from './progress.ts';

/** Carries what a handler reports to its job's record. */
export interface Reporter {
  readonly log: JobLog;
  readonly progress: Progress;
  /** Writes the log lines that are left and stops; gives the last progress, for the write that ends the job. */
  close(): Promise<ProgressSnapshot | undefined>;
}

export interface ReporterHooks {
  /** A sign of progress: the job is alive. */
  readonly onSign: () => void;
  readonly onStep: (name: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Four snapshots of progress a second are what a person can see; log lines shall seem immediate. */
const progressIntervalMs = 250;
const logIntervalMs = 50;

/** Makes the reporter of one delivery. */
export function makeReporter(records: RecordWriter, delivery: DeliveryRef, hooks: ReporterHooks): Reporter {
  let writes = 0;
  const buffer = makeJobLog(() => {
    hooks.onSign();
    logWrites.request();
  });
  const flush = (): Promise<void> =>
    buffer.flush((lines) => {
      writes += 1;
      return records.log(delivery.id, `${delivery.token}:${writes}`, lines);
    });
  const logWrites = coalesce(flush, logIntervalMs, hooks.onError);
  const tree = makeProgressTree(() => {
    hooks.onSign();
    progressWrites.request();
  }, hooks.onStep);
  const progressWrites = coalesce(
    () => records.progress(delivery.id, tree.snapshot()),
    progressIntervalMs,
    hooks.onError,
  );
  return {
    log: buffer.log,
    progress: tree.progress,
    close: async () => {
      await Promise.all([logWrites.stop(), progressWrites.stop()]);
      if (buffer.pending) await flush();
      return tree.used ? tree.snapshot() : undefined;
    },
  };
}
