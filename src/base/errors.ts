/**
 * The catalogue of errors. Every error that leaves a room is an {@link SdmeError} with one of these codes.
 *
 * A code is stable: scripts branch on it. `retryable` says whether running the same job again without any
 * change may succeed (a broken network, a busy registry); bad input never is. `docs/jobs.md` lists the
 * codes, and a test holds the two together.
 */
export const errorCatalogue = {
  // input and configuration
  'input.invalid': { retryable: false, meaning: 'an argument, name or file does not have the required form' },
  'config.invalid': {
    retryable: false,
    meaning: 'the configuration file or an environment setting is not valid',
  },
  usage: { retryable: false, meaning: 'the command line is not understood' },
  'root.required': { retryable: false, meaning: 'the operation needs root privileges' },
  'system.unsupported': { retryable: false, meaning: 'the machine lacks something this needs' },
  'not-found': { retryable: false, meaning: 'the named rootfs, container, job or batch does not exist' },
  exists: { retryable: false, meaning: 'the name is taken' },
  'in-use': { retryable: false, meaning: 'something else depends on the object' },
  'state.conflict': { retryable: false, meaning: 'the object is not in the state this needs' },
  'interactive.required': {
    retryable: false,
    meaning: 'a question must be answered and nobody can be asked',
  },
  // jobs
  'job.cancelled': { retryable: false, meaning: 'the job was cancelled on request' },
  'job.queue-timeout': {
    retryable: false,
    meaning: 'the job waited in the queue longer than it was allowed to',
  },
  'job.run-timeout': { retryable: false, meaning: 'the job ran longer than it was allowed to' },
  'job.no-progress': {
    retryable: true,
    meaning: 'the job made no progress for longer than it was allowed to',
  },
  'job.crashed': { retryable: false, meaning: 'the worker died while it ran this job, too many times' },
  'job.child-failed': {
    retryable: false,
    meaning: 'a job that this one had started to do a part of its work failed or was cancelled',
  },
  'job.dependency-failed': {
    retryable: false,
    meaning: 'a job of its flow that this one was to run after failed or was cancelled',
  },
  'job.idempotency-mismatch': {
    retryable: false,
    meaning: 'the idempotency key was used with other arguments',
  },
  'job.handed-back': {
    retryable: true,
    meaning: 'the worker was told to stop and gave the job back to the queue',
  },
  'job.envelope-invalid': { retryable: false, meaning: 'the queue held something that is not a job of ours' },
  'job.damaged': { retryable: false, meaning: 'what the queue keeps of the job or batch cannot be read' },
  'job.kind-unknown': { retryable: false, meaning: 'this worker does not know the kind of job' },
  'job.not-retryable': { retryable: false, meaning: 'the job has not ended, so it cannot be run again' },
  'queue.unavailable': { retryable: true, meaning: 'the queue cannot be reached' },
  'worker.unavailable': { retryable: true, meaning: 'no worker takes jobs for this host' },
  // registry and images
  'oci.reference-invalid': {
    retryable: false,
    meaning: 'the image reference does not have the required form',
  },
  'oci.not-found': { retryable: false, meaning: 'the registry has no such image' },
  'oci.denied': { retryable: false, meaning: 'the registry or server refused access' },
  'oci.auth-invalid': {
    retryable: false,
    meaning: 'credentials are missing, malformed or their helper failed',
  },
  'oci.network': { retryable: true, meaning: 'the registry or server could not be reached or broke off' },
  'oci.rate-limited': { retryable: true, meaning: 'the registry asked to come back later' },
  'oci.protocol': { retryable: false, meaning: 'the registry or server answered against its specification' },
  'oci.manifest-invalid': {
    retryable: false,
    meaning: 'a manifest, index or image configuration is not valid',
  },
  'oci.platform-missing': { retryable: false, meaning: 'the image has no variant for this platform' },
  'oci.digest-mismatch': { retryable: false, meaning: 'content does not match its digest or size' },
  'oci.limit': { retryable: false, meaning: 'the image is larger or deeper than the configured limits' },
  // unpacking and the store
  'unpack.entry-invalid': { retryable: false, meaning: 'a layer holds an entry that must not be unpacked' },
  'unpack.format': { retryable: false, meaning: 'a layer or archive is damaged or in an unknown format' },
  'unpack.limit': { retryable: false, meaning: 'a layer unpacks to more than the configured limits' },
  'disk.full': { retryable: false, meaning: 'the disk is full' },
  io: { retryable: false, meaning: 'a file operation failed' },
  'source.unsupported': { retryable: false, meaning: 'the import source is of no known kind' },
  'rootfs.incomplete': {
    retryable: false,
    meaning: 'the rootfs lacks systemd or D-Bus and they were not installed',
  },
  // system calls, processes, systemd
  syscall: { retryable: false, meaning: 'the kernel refused an operation' },
  'process.failed': { retryable: false, meaning: 'a program this started ended with an error' },
  dbus: { retryable: false, meaning: 'systemd or machined refused a request' },
  'container.boot-failed': { retryable: false, meaning: 'the container ended while it was booting' },
  'container.boot-timeout': { retryable: false, meaning: 'the container did not come up in time' },
  'container.stop-timeout': { retryable: false, meaning: 'the container did not stop in time' },
  'lock.busy': { retryable: true, meaning: 'another process holds the lock' },
  internal: { retryable: false, meaning: 'a fault in sdme itself' },
} as const satisfies Record<string, { retryable: boolean; meaning: string }>;

/** A stable error code. */
export type ErrorCode = keyof typeof errorCatalogue;

/** The form in which an error is stored in a job's record and printed by `--json`. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  /** Messages of the causes, outermost first. */
  readonly causes: readonly string[];
  /** Facts a caller would branch on: errno, exit code, HTTP status, the conflicting name. */
  readonly facts?: Readonly<Record<string, string | number | boolean>> | undefined;
}

export interface ErrorOptionsWithFacts {
  readonly cause?: unknown;
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
  /** Overrides the catalogue, e.g. when a registry's Retry-After asks for more than we wait. */
  readonly retryable?: boolean;
  /** Milliseconds the other side asked us to wait before trying again. */
  readonly retryAfterMs?: number;
}

/** An error with a stable code; the message says what happened to what, and what to do next. */
export class SdmeError extends Error {
  override readonly name = 'SdmeError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptionsWithFacts = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? errorCatalogue[code].retryable;
    this.facts = Object.freeze({ ...options.facts });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** True for a code of the catalogue; own keys only, so `__proto__` is none. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCatalogue, text);
}

/**
 * Any thrown value as an {@link SdmeError}; what is not one of ours becomes `internal` with the cause kept. Of work
 * that failed and could not be undone either, the failure of the work counts; the other is among its causes.
 */
export function toSdmeError(thrown: unknown): SdmeError {
  if (thrown instanceof SdmeError) return thrown;
  if (thrown instanceof SuppressedError) return withFailedUndo(toSdmeError(thrown.suppressed), thrown.error);
  if (thrown instanceof Error) return new SdmeError('internal', thrown.message, { cause: thrown });
  return new SdmeError('internal', String(thrown));
}

function withFailedUndo(first: SdmeError, undo: unknown): SdmeError {
  const { code, message, facts, retryable, retryAfterMs } = first;
  const cause = new Error(`not all of it could be undone: ${describeError(undo)}`, { cause: first.cause });
  const more = retryAfterMs === undefined ? { facts, retryable } : { facts, retryable, retryAfterMs };
  return new SdmeError(code, message, { cause, ...more });
}

/** The messages of an error's causes, outermost first; stops at 16 so that a cycle ends. */
export function causeMessages(error: Error): string[] {
  const messages: string[] = [];
  let cause = error.cause;
  while (cause !== undefined && cause !== null && messages.length < 16) {
    messages.push(cause instanceof Error ? cause.message : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return messages;
}

/** An error as plain data for records and `--json`. */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  const error = toSdmeError(thrown);
  return {
    code: error.code,
    message: error.message,
    retryable: error.retryable,
    causes: causeMessages(error),
    ...(Object.keys(error.facts).length > 0 ? { facts: error.facts } : {}),
  };
}

/** The error a stored record stands for, as a reader of the record throws it. */
export function fromErrorRecord(record: ErrorRecord): SdmeError {
  let cause: Error | undefined;
  for (const message of [...record.causes].reverse()) {
    cause = cause === undefined ? new Error(message) : new Error(message, { cause });
  }
  return new SdmeError(record.code, record.message, {
    retryable: record.retryable,
    ...(cause === undefined ? {} : { cause }),
    ...(record.facts === undefined ? {} : { facts: record.facts }),
  });
}

/** `<message>: <cause>: …` on one line, without repeating a cause whose text the message already holds. */
export function describeError(thrown: unknown): string {
  const error = toSdmeError(thrown);
  const parts = [error.message];
  for (const message of causeMessages(error)) {
    if (!parts.some((part) => part.includes(message))) parts.push(message);
  }
  return parts.join(': ');
}
