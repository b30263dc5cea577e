import type {
  ArgumentsOf,
  BatchStatus,
  JobEvent,
  JobKind,
  JobRecord,
  JobState,
  LogLine,
  ResultOf,
} from '../contracts/index.ts';

/** How one job is submitted. */
export interface SubmitOptions {
  /** Same key and same arguments: the first job is returned. Same key, other arguments: refused. */
  readonly idempotencyKey?: string;
  /** Limits that differ from the kind's own, in milliseconds. */
  readonly limits?: { readonly queueMs?: number; readonly runMs?: number; readonly noProgressMs?: number };
  /** The host that shall run it; default: this one. */
  readonly host?: string;
}

/** An accepted job: it is on disk in the queue once this is returned. */
export interface Submitted {
  readonly id: string;
  /** True when an idempotency key led to a job that was there already. */
  readonly existing: boolean;
}

/** Which jobs a listing shows; all conditions must hold. Newest first. */
export interface JobFilter {
  readonly states?: readonly JobState[];
  readonly kinds?: readonly string[];
  /** Epoch milliseconds: submitted at or after. */
  readonly since?: number;
  readonly batch?: string;
  readonly flow?: string;
  readonly limit?: number;
}

/** One job of a batch: a kind and the input of that kind. */
export type BatchItem<Kind extends JobKind = JobKind> = {
  [One in Kind]: { readonly kind: One; readonly input: ArgumentsOf<One> };
}[Kind];

/** One job of a flow: a kind and the input of that kind, and the names of the jobs it runs after. */
export type FlowJob<Name extends string = string, Kind extends JobKind = JobKind> = {
  [One in Kind]: {
    readonly kind: One;
    readonly input: ArgumentsOf<One>;
    readonly after?: readonly Name[];
    readonly limits?: NonNullable<SubmitOptions['limits']>;
  };
}[Kind];

/** An accepted flow: all of its jobs are on disk in the queue. */
export interface SubmittedFlow<Name extends string = string> {
  readonly id: string;
  /** Ids of its jobs by name. */
  readonly jobs: Readonly<Record<Name, string>>;
  /** True when the key led to a flow that was there already. */
  readonly existing: boolean;
}

/** A batch's jobs, tracked as one. */
export interface BatchClient {
  /**
   * Validates every item, then submits all. The id is derived from the items and `key`, so that running it
   * again adds nothing twice and completes what an interrupted call left out. At most 10,000 items.
   * @throws SdmeError `input.invalid` naming every faulty item, before anything is submitted;
   * `job.idempotency-mismatch` when the key belongs to other items; `queue.unavailable`
   */
  submit(
    items: readonly BatchItem[],
    options?: { readonly key?: string; readonly host?: string },
  ): Promise<{ id: string; existing: boolean }>;
  /** @throws SdmeError `not-found` */
  status(id: string): Promise<BatchStatus>;
  /**
   * The status whenever it changed, at most twice a second; ends after the one in which all jobs have ended.
   * @throws SdmeError `not-found`; `state.conflict` when the submit broke off and nobody completes it
   */
  watch(id: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<BatchStatus>;
  /** The status once all jobs have ended. */
  wait(id: string, options?: { readonly signal?: AbortSignal }): Promise<BatchStatus>;
  /** Asks every job of the batch that has not ended to end. */
  cancel(id: string): Promise<BatchStatus>;
  /** Runs the failed jobs again, in the same batch; returns how many. */
  retryFailed(id: string): Promise<number>;
  /** Runs the cancelled jobs again, in the same batch; returns how many. */
  retryCancelled(id: string): Promise<number>;
}

/** The typed client: everything the CLI does with jobs goes through it. Errors are `SdmeError`s. */
export interface Client {
  /** @throws SdmeError `input.invalid`, `job.idempotency-mismatch`, `queue.unavailable` */
  submit<Kind extends JobKind>(
    kind: Kind,
    input: ArgumentsOf<Kind>,
    options?: SubmitOptions,
  ): Promise<Submitted>;
  /**
   * Submits jobs that run after each other, by names of the caller's: each waits until all those in its `after` have
   * succeeded; when one of them fails or is cancelled it fails with `job.dependency-failed`, and so do those after it.
   * All or nothing is accepted. With a `key`, the same key and the same jobs are the flow that is there already.
   * At most 1,000 jobs.
   * @throws SdmeError `input.invalid` naming every faulty job, an unknown name or a circle, before anything is
   * submitted; `job.idempotency-mismatch`; `queue.unavailable`
   */
  submitFlow<Name extends string>(
    jobs: { readonly [One in Name]: FlowJob<NoInfer<Name>> },
    options?: { readonly key?: string; readonly host?: string },
  ): Promise<SubmittedFlow<Name>>;
  /** The record now. @throws SdmeError `not-found` */
  show(id: string): Promise<JobRecord>;
  list(filter?: JobFilter): Promise<JobRecord[]>;
  /** Ids of all jobs, newest first. */
  ids(): Promise<string[]>;
  /** The record once the job has ended, however it ended. @throws the signal's reason; `job.run-timeout` never: that is the job's own end */
  wait(id: string, options?: { readonly signal?: AbortSignal }): Promise<JobRecord>;
  /** The checked result of a job of that kind. @throws the job's own error when it did not succeed */
  result<Kind extends JobKind>(
    kind: Kind,
    id: string,
    options?: { readonly signal?: AbortSignal },
  ): Promise<ResultOf<Kind>>;
  /**
   * Record changes and log lines until the end. Starts with the record as it is; survives reconnects and
   * worker restarts without a gap: a log line is given once, in order, and the `end` always comes.
   */
  watch(
    id: string,
    options?: { readonly fromLogOffset?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<JobEvent>;
  /** Log lines from `from` on; with `follow` until the job ends. */
  logs(
    id: string,
    options?: { readonly from?: number; readonly follow?: boolean; readonly signal?: AbortSignal },
  ): AsyncIterable<LogLine>;
  /** Asks a job to end; returns at once. The job is `cancelled` only when nothing of it is left. */
  cancel(id: string): Promise<JobRecord>;
  /**
   * Submits an ended job's input again as a new job. Of a flow, jobs that were not run because this one or another
   * had failed are submitted with it, as a new flow, and so are those that had failed.
   * @throws SdmeError `job.not-retryable`
   */
  retry(id: string): Promise<Submitted>;
  readonly batch: BatchClient;
  /** Ends connections. The jobs go on. */
  close(): Promise<void>;
}
