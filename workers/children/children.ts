import type { ChildRequest, Outcome } from '../../src/base/context.ts';
import { fromErrorRecord, SdmeError } from '../../src/base/errors.ts';
import { childName, type JobRecord, type LockRequest } from '../../src/contracts/index.ts';
import type { NewJob, Submission } from '../../src/queue/create-record.ts';
import { canonicalJson, type JobBody, newJobBody } from '../../src/queue/envelope.ts';
import { partIdOf } from '../../src/queue/part-id.ts';
import type { Kinds } from '../kinds.ts';
import { locksBeyond } from '../locks/inherit.ts';
import type { Settlement } from '../outcome.ts';

/** How the attempt of a child differs from that of a job out of a queue. */
export interface Under {
  /** Locks that its parent, and that one's parents, hold while it runs. */
  readonly locks: readonly LockRequest[];
  /** True when no worker can have had it in hand before. */
  readonly fresh: boolean;
}

/** What children need of the worker. */
export interface ChildServices {
  readonly kinds: Kinds;
  /** Makes the child's record, or finds it. */
  readonly create: (job: NewJob) => Promise<Submission>;
  readonly read: (id: string) => Promise<JobRecord | undefined>;
  /** Leaves the durable mark that a job shall end, and ends it. */
  readonly cancel: (id: string) => Promise<unknown>;
  /** Runs the child here and now, through all its attempts. `signal` ends it, with an SdmeError as reason. */
  readonly run: (body: JobBody, under: Under, signal: AbortSignal) => Promise<Settlement>;
}

/** The job that has the children. */
export interface Parent {
  readonly body: JobBody;
  /** All locks under which it runs. */
  readonly locks: readonly LockRequest[];
  readonly signal: AbortSignal;
}

/** The children of one running job. */
export interface Children {
  /** Runs a child to its end; gives its result. See `ChildRunner`. */
  run(request: ChildRequest): Promise<unknown>;
  /** Ends the children that still run; resolves when they are gone. */
  end(): Promise<void>;
}

interface Child {
  readonly asked: string;
  readonly result: Promise<unknown>;
}

/**
 * Children run in the worker of their parent, by its call, and never come out of a queue: there they would wait
 * for a place behind jobs that wait for them. After a crash the parent is delivered again and asks for them again.
 */
export function openChildren(services: ChildServices, parent: Parent): Children {
  const known = new Map<string, Child>();
  const ending = new AbortController();
  const signal = AbortSignal.any([parent.signal, ending.signal]);
  return {
    run: (request) => {
      const asked = canonicalJson([request.kind, request.input]);
      const same = known.get(request.name);
      if (same !== undefined) {
        return same.asked === asked ? same.result : Promise.reject(otherArguments(request, parent.body.id));
      }
      const result = runChild(services, parent, request, signal);
      // A handler that does not wait for it must not bring the worker down.
      result.catch(() => undefined);
      known.set(request.name, { asked, result });
      return result;
    },
    end: async () => {
      ending.abort(new SdmeError('job.cancelled', `its parent, job ${parent.body.id}, has ended`));
      await Promise.allSettled([...known.values()].map(({ result }) => result));
    },
  };
}

async function runChild(
  services: ChildServices,
  parent: Parent,
  request: ChildRequest,
  signal: AbortSignal,
): Promise<unknown> {
  signal.throwIfAborted();
  const { job, under } = prepareChild(services.kinds, parent, request);
  const { body } = job;
  const { outcome: made } = await services.create(job);
  const before = made === 'created' ? undefined : await services.read(body.id);
  if (before !== undefined && !isSame(before, body)) throw otherArguments(request, parent.body.id);
  const outcome =
    (before === undefined ? undefined : outcomeOf(before)) ??
    (await follow(services, body, { ...under, fresh: made === 'created' }, signal));
  if (outcome?.state === 'succeeded') return outcome.result;
  signal.throwIfAborted();
  throw childError(body, outcome);
}

function prepareChild(
  kinds: Kinds,
  { body, locks }: Parent,
  { name, kind: kindName, input }: ChildRequest,
): { job: NewJob; under: Omit<Under, 'fresh'> } {
  if (!childName.safeParse(name).success) {
    throw new SdmeError('internal', `${JSON.stringify(name)} is not the name of a child`);
  }
  const kind = kinds.get(kindName);
  if (kind === undefined) throw new SdmeError('job.kind-unknown', `this worker knows no ${kindName} jobs`);
  const prepared = kind.prepare(input);
  // Looked at before there is a record, so that a fault of the handler leaves none.
  locksBeyond(prepared.locks, locks);
  const request = {
    host: body.host,
    id: partIdOf(body.id, name),
    parent: { id: body.id, name },
    ...(body.requester === undefined ? {} : { requester: body.requester }),
  };
  const { subject, input: parsed } = prepared;
  return {
    job: { body: newJobBody(kind, parsed, request), subject, attempts: kind.retry.attempts },
    under: { locks },
  };
}

/** Runs a child to its outcome; undefined when it has none, as it was given back to be run later. */
async function follow(
  services: ChildServices,
  body: JobBody,
  under: Under,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  let marking: Promise<unknown> | undefined;
  const onAbort = (): void => {
    if (isHandBack(signal.reason)) return;
    marking = services.cancel(body.id);
    // It has been ended here already; the mark is for those who look.
    marking.catch(() => undefined);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const settlement = await services.run(body, under, signal);
    if (settlement.do === 'end') return settlement.outcome;
    if (settlement.do === 'hand-back') return undefined;
    const record = await services.read(body.id);
    return record === undefined ? undefined : outcomeOf(record);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await marking?.catch(() => undefined);
  }
}

/** True for the abort of a worker that stops: the job is run again later. */
export function isHandBack(reason: unknown): boolean {
  return reason instanceof SdmeError && reason.code === 'job.handed-back';
}

/** How a job ended, as its record says; undefined while it has not. Pure. */
export function outcomeOf({ state, result, error }: JobRecord): Outcome | undefined {
  if (state === 'succeeded') return { state, result };
  if ((state !== 'failed' && state !== 'cancelled') || error === undefined) return undefined;
  return { state, error };
}

function isSame(record: JobRecord, body: JobBody): boolean {
  return canonicalJson([record.kind, record.input]) === canonicalJson([body.kind, body.input]);
}

function otherArguments({ name }: ChildRequest, parent: string): SdmeError {
  return new SdmeError(
    'job.idempotency-mismatch',
    `job ${parent} has asked for a child ${JSON.stringify(name)} before, with other arguments`,
  );
}

function childError(body: JobBody, outcome: Outcome | undefined): SdmeError {
  const { id, kind } = body;
  if (outcome === undefined || outcome.state === 'succeeded') {
    return new SdmeError('job.handed-back', `the worker stops; the child job ${id} (${kind}) is run later`);
  }
  const { facts, ...error } = outcome.error;
  const cause = fromErrorRecord(facts === undefined ? error : { ...error, facts });
  const ended = outcome.state === 'failed' ? 'failed' : 'was cancelled';
  return new SdmeError('job.child-failed', `the child job ${id} (${kind}) ${ended}`, {
    cause,
    facts: { job: id, code: error.code },
  });
}
