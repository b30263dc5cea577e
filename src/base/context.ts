import { type ErrorRecord, SdmeError } from './errors.ts';

/** What a progress count counts. */
export type ProgressUnit = 'bytes' | 'files' | 'items';

/** Structured facts of a log line; never secrets. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where a handler writes lines that a person reads with `sdme job logs`. */
export interface JobLog {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** One bar of a job's progress tree, e.g. a layer under its image. Counts only grow. */
export interface ProgressItem {
  /** Adds to what is done. */
  add(count: number): void;
  /** Sets what is done, and the total once it is known. */
  set(done: number, total?: number): void;
  /** A short remark shown beside the bar, e.g. `joined the download of job 01J…`. */
  note(text: string): void;
  /** Ends the bar; `shared` and `cached` say why nothing was done here. */
  end(state?: 'done' | 'cached' | 'shared'): void;
}

/** A job's progress: a sequence of named steps, each with items. */
export interface Progress {
  /** Begins the next step, e.g. `resolve`, `download`, `unpack`. Ends the one before. */
  step(name: string): void;
  /** Opens an item of the current step. `id` is unique in the job; `parent` is the id of another item. */
  item(
    id: string,
    options: { label: string; unit: ProgressUnit; total?: number; parent?: string },
  ): ProgressItem;
}

/** Classes of machine resources that bound how many jobs work at once (design, section 4). */
export const resourceClasses = ['network', 'disk', 'cpu', 'none'] as const;
export type ResourceClass = (typeof resourceClasses)[number];

/**
 * All that a domain room gets from the job that calls it. Rooms know neither BullMQ nor pino.
 *
 * `signal` aborts on cancel, timeout and shutdown; whoever gets it ends its children and undoes its staging
 * before it rejects, as "cancelled" is said only afterwards. Its reason is an SdmeError.
 */
export interface Context {
  readonly jobId: string;
  readonly signal: AbortSignal;
  readonly log: JobLog;
  readonly progress: Progress;
  /**
   * Runs `work` while holding a slot of the class; waits for one, or rejects when the signal aborts. `onWait` is called
   * when there is none free, so that nothing that another job needs is kept meanwhile. A job that has had a slot of
   * the class goes before those that have not: what is begun ends before more is.
   */
  withSlot<T>(resource: ResourceClass, work: () => Promise<T>, onWait?: () => void): Promise<T>;
  /** True when a slot of the class is free just now: whether it is worth while to prepare for it. */
  hasFreeSlot(resource: ResourceClass): boolean;
}

/** What a running job asks another job to do for it. */
export interface ChildRequest {
  /**
   * Names the child among the children of its job, e.g. `preshift`. Asked for again under the same name, also
   * after the job was delivered anew, it is the same child; `input` must be the same then.
   */
  readonly name: string;
  readonly kind: string;
  readonly input: unknown;
}

/** Runs jobs as children of the job it belongs to. */
export interface ChildRunner {
  /**
   * Runs a child and waits for its end; gives its result. The child has a record, a log and a journal entry of its
   * own. It needs no place in a queue, it does not take locks again that its parent holds, and it is cancelled when
   * its parent ends before it does. Must not be called while the job holds a slot.
   * @throws SdmeError `job.child-failed`, `input.invalid`, `job.idempotency-mismatch`; the signal's reason once the
   * child is gone
   */
  child(request: ChildRequest): Promise<unknown>;
}

/** What the handler of a job gets. */
export interface JobContext extends Context, ChildRunner {}

/** A context for callers that are no job (tests, read-only verbs): logs nowhere, counts nowhere, has no children. */
export function detachedContext(
  signal: AbortSignal = new AbortController().signal,
  jobId = 'detached',
): JobContext {
  const ignore = (): void => {};
  const item: ProgressItem = { add: ignore, set: ignore, note: ignore, end: ignore };
  return {
    jobId,
    signal,
    log: { info: ignore, warn: ignore, error: ignore },
    progress: { step: ignore, item: () => item },
    withSlot: (_resource, work) => work(),
    hasFreeSlot: () => true,
    child: ({ name }) =>
      Promise.reject(new SdmeError('internal', `only a job that runs can have the child ${name}`)),
  };
}

/** How a job ended, as its record keeps it. */
export type Outcome =
  | { readonly state: 'succeeded'; readonly result: unknown }
  | { readonly state: 'failed'; readonly error: ErrorRecord }
  | { readonly state: 'cancelled'; readonly error: ErrorRecord };
