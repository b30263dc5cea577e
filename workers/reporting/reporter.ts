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

/** Makes the reporter of one delivery. A job that reports nothing costs nothing. */
export function makeReporter(records: RecordWriter, delivery: DeliveryRef, hooks: ReporterHooks): Reporter {
  let log: ReturnType<typeof openLog> | undefined;
  let progress: ReturnType<typeof openProgress> | undefined;
  return {
    get log() {
      log ??= openLog(records, delivery, hooks);
      return log.log;
    },
    get progress() {
      progress ??= openProgress(records, delivery, hooks);
      return progress.progress;
    },
    close: async () => {
      await Promise.all([log?.close(), progress?.close()]);
      return progress?.snapshot();
    },
  };
}

function openLog(records: RecordWriter, { id, token }: DeliveryRef, { onSign, onError }: ReporterHooks) {
  let count = 0;
  const buffer = makeJobLog(() => {
    onSign();
    writes.request();
  });
  const flush = (): Promise<void> =>
    buffer.flush((lines) => {
      count += 1;
      return records.log(id, `${token}:${count}`, lines);
    });
  const writes = coalesce(flush, logIntervalMs, onError);
  const close = async (): Promise<void> => {
    await writes.stop();
    if (buffer.pending) await flush();
  };
  return { log: buffer.log, close };
}

function openProgress(records: RecordWriter, { id }: DeliveryRef, hooks: ReporterHooks) {
  const tree = makeProgressTree(() => {
    hooks.onSign();
    writes.request();
  }, hooks.onStep);
  const write = (): Promise<unknown> => records.progress(id, tree.snapshot());
  const writes = coalesce(write, progressIntervalMs, hooks.onError);
  return {
    progress: tree.progress,
    close: writes.stop,
    snapshot: () => (tree.used ? tree.snapshot() : undefined),
  };
}
