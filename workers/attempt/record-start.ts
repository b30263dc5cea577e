import type { DeliveryRef, Moved, RecordWriter, Started } from '../../src/queue/lifecycle.ts';

/** The write that says a job is running. */
export interface RecordStart {
  now(): Promise<Moved>;
  /** Not to be written any more; gives it when it was not. */
  drop(): Started | undefined;
}

/** Prepares the write for a run whose counts the journal gave. */
export function prepareStart(
  records: Pick<RecordWriter, 'start'>,
  delivery: DeliveryRef,
  counts: { readonly attempt: number; readonly crashes: number },
): RecordStart {
  const started: Started = { attempt: counts.attempt, crashes: counts.crashes, at: Date.now() };
  let open = true;
  return {
    now: () => {
      open = false;
      return records.start(delivery, started);
    },
    drop: () => {
      const unwritten = open ? started : undefined;
      open = false;
      return unwritten;
    },
  };
}
