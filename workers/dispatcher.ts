import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SdmeError, toErrorRecord, toSdmeError } from '../src/base/errors.ts';
import type { QueueName } from '../src/contracts/index.ts';
import { type JobBody, openEnvelope } from '../src/queue/envelope.ts';
import type { DeliveryRef } from '../src/queue/lifecycle.ts';
import { keptPoison, type QuarantineNote } from '../src/queue/quarantine.ts';
import { withdrawnData } from '../src/queue/scripts/cancel.ts';
import { runAttempt } from './attempt/attempt.ts';
import { cancelledError } from './attempt/ending.ts';
import type { AttemptParts } from './attempt/parts.ts';
import { type ChildServices, isHandBack, type Under } from './children/children.ts';
import type { Kinds } from './kinds.ts';
import type { Settlement } from './outcome.ts';

/** What BullMQ hands over. Its fields are hints; only the envelope in `data` counts. */
export interface Delivered {
  readonly id: string;
  readonly queue: QueueName;
  readonly data: unknown;
}

export interface DispatcherParts extends Omit<AttemptParts, 'endings' | 'onError' | 'children'> {
  readonly host: string;
  readonly kinds: Kinds;
  readonly log: Logger;
  readonly children: Omit<ChildServices, 'kinds' | 'run'>;
  readonly setAside: (note: QuarantineNote) => Promise<void>;
  /** Whether a worker has begun the job before. */
  readonly hasStarted: (id: string) => Promise<boolean>;
}

/** Takes deliveries and brings each to its settlement. Neither BullMQ nor Redis is known here. */
export interface Dispatcher {
  /**
   * Never rejects because of the job. A job that is running already is joined, not run again: BullMQ hands a job
   * out a second time when its lock was lost, e.g. while Redis was away, and the work goes on meanwhile.
   */
  deliver(job: Delivered): Promise<Settlement>;
  /** Ids of the jobs in hand. */
  ids(): string[];
  has(id: string): boolean;
  /** Ends a job in hand on request; false when it is not in hand. */
  cancel(id: string): boolean;
  /** From now on deliveries are handed back untouched. */
  stopTaking(): void;
  /** Resolves when no job is in hand. */
  settled(): Promise<void>;
  /** Aborts all jobs in hand with `job.handed-back`. */
  handBackAll(): void;
  /** Resolves when the writes that end jobs have arrived. */
  written(): Promise<void>;
}

interface InHand {
  readonly controller: AbortController;
  readonly settled: Promise<Settlement>;
}

/** Makes the dispatcher of one worker. */
export function makeDispatcher(parts: DispatcherParts): Dispatcher {
  const inHand = new Map<string, InHand>();
  const endings = new Set<Promise<unknown>>();
  const tokenPrefix = randomBytes(6).toString('base64url');
  let deliveries = 0;
  let taking = true;
  const onError = (id: string, error: unknown): void => {
    parts.log.error({ job: id, err: error }, 'a record could not be written');
  };
  const nextDelivery = (id: string): DeliveryRef => {
    deliveries += 1;
    return { id, token: `${tokenPrefix}:${deliveries}` };
  };
  const children: ChildServices = {
    ...parts.children,
    kinds: parts.kinds,
    run: (body, under, signal) => runChild(body, under, signal),
  };
  const attemptParts: AttemptParts = { ...parts, endings, onError, children };

  const handle = async (job: Delivered, controller: AbortController): Promise<Settlement> => {
    if (job.data === withdrawnData) return { do: 'drop' };
    const delivery = nextDelivery(job.id);
    let body: JobBody;
    try {
      body = openEnvelope(job.data, { id: job.id, host: parts.host, queue: job.queue });
      if (body.parent !== undefined) throw lostChild(body.parent.id);
    } catch (error) {
      await setAside(parts, job, toSdmeError(error));
      return { do: 'drop' };
    }
    const kind = parts.kinds.get(body.kind);
    const problem = kind?.queue === body.queue ? await expiry(parts, body) : unknownKind(body);
    if (kind === undefined || problem !== undefined) {
      const error = problem ?? unknownKind(body);
      const outcome = { state: 'failed', error: toErrorRecord(error) } as const;
      const moved = await parts.records.finish(delivery, outcome);
      if (moved.done === 'missing') await setAside(parts, job, error);
      return { do: 'end', outcome };
    }
    const settlement = await runAttempt(attemptParts, { body, kind, delivery, controller });
    report(parts.log, body, settlement);
    return settlement;
  };

  const deliver = (job: Delivered): Promise<Settlement> => {
    const known = inHand.get(job.id);
    if (known !== undefined) return known.settled;
    if (!taking) return Promise.resolve({ do: 'hand-back' });
    const controller = new AbortController();
    const settled = handle(job, controller).finally(() => inHand.delete(job.id));
    inHand.set(job.id, { controller, settled });
    return settled;
  };

  const attemptChild = async (
    body: JobBody,
    under: Under,
    controller: AbortController,
  ): Promise<Settlement> => {
    const kind = parts.kinds.get(body.kind);
    if (kind === undefined) throw unknownKind(body);
    for (let fresh = under.fresh; ; fresh = false) {
      const delivery = nextDelivery(body.id);
      const settlement = await runAttempt(attemptParts, {
        body,
        kind,
        delivery,
        controller,
        under: { ...under, fresh },
      });
      report(parts.log, body, settlement);
      if (settlement.do !== 'retry') return settlement;
      await delay(settlement.delayMs, undefined, { signal: controller.signal }).catch(() => undefined);
    }
  };

  const runChild = async (body: JobBody, under: Under, signal: AbortSignal): Promise<Settlement> => {
    const controller = new AbortController();
    const onAbort = (): void => controller.abort(endedWith(signal.reason));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const settled = attemptChild(body, under, controller).finally(() => {
      inHand.delete(body.id);
      signal.removeEventListener('abort', onAbort);
    });
    inHand.set(body.id, { controller, settled });
    return settled;
  };

  return {
    deliver,
    ids: () => [...inHand.keys()],
    has: (id) => inHand.has(id),
    cancel: (id) => {
      const job = inHand.get(id);
      job?.controller.abort(cancelledError());
      return job !== undefined;
    },
    stopTaking: () => {
      taking = false;
    },
    settled: async () => {
      // A job that is ending may still ask for a child.
      while (inHand.size > 0) await Promise.allSettled([...inHand.values()].map((job) => job.settled));
    },
    handBackAll: () => {
      const reason = new SdmeError('job.handed-back', 'the worker stops; the job goes back to the queue');
      for (const { controller } of inHand.values()) controller.abort(reason);
    },
    written: async () => {
      await Promise.all(endings);
    },
  };
}

/** Why a child ends when its parent is told to. */
function endedWith(reason: unknown): SdmeError {
  const { message } = toSdmeError(reason);
  if (isHandBack(reason)) return new SdmeError('job.handed-back', message);
  return new SdmeError('job.cancelled', `the job was cancelled together with its parent: ${message}`);
}

/** A child runs by the call of its parent only, which has locks that the child counts on. */
function lostChild(parent: string): SdmeError {
  const message = `it is a child of job ${parent}, and children do not come out of a queue`;
  return new SdmeError('job.envelope-invalid', message);
}

async function setAside(parts: DispatcherParts, job: Delivered, error: SdmeError): Promise<void> {
  const held = (JSON.stringify(job.data) ?? '').slice(0, keptPoison);
  const { host } = parts;
  parts.log.warn({ job: job.id, queue: job.queue, why: error.message }, 'set aside');
  await parts.setAside({ at: Date.now(), host, queue: job.queue, id: job.id, why: error.message, held });
}

/** The error of a job that waited too long for its first beginning. */
async function expiry(parts: DispatcherParts, body: JobBody): Promise<SdmeError | undefined> {
  if (Date.now() <= body.expiresAt || (await parts.hasStarted(body.id))) return undefined;
  return queueTimeout(body.expiresAt - body.submittedAt);
}

/** The error of a job that no worker took in time. */
export function queueTimeout(waitedMs: number): SdmeError {
  return new SdmeError('job.queue-timeout', `no worker took the job within ${Math.round(waitedMs / 1000)} s`);
}

function unknownKind(body: JobBody): SdmeError {
  const message = `this worker knows no ${JSON.stringify(body.kind)} jobs on its ${body.queue} queue`;
  return new SdmeError('job.kind-unknown', message);
}

function report(log: Logger, { id, kind }: JobBody, settlement: Settlement): void {
  switch (settlement.do) {
    case 'end': {
      const { outcome } = settlement;
      if (outcome.state === 'failed') log.warn({ job: id, kind, error: outcome.error }, 'failed');
      else log.debug({ job: id, kind }, outcome.state);
      return;
    }
    case 'retry':
      log.info({ job: id, kind, error: toErrorRecord(settlement.error) }, 'tried again later');
      return;
    case 'hand-back':
      log.info({ job: id, kind }, 'handed back');
      return;
    case 'drop':
      log.info({ job: id, kind }, 'dropped: it has ended already, or has no record');
      return;
    default:
      settlement satisfies never;
  }
}
