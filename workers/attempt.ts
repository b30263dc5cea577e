import type { Context, Outcome } from '../src/base/context.ts';
import { SdmeError, toErrorRecord } from '../src/base/errors.ts';
import type { JobLimits } from '../src/contracts/index.ts';
import type { JobBody } from '../src/queue/envelope.ts';
import type { DeliveryRef, RecordWriter } from '../src/queue/lifecycle.ts';
import { makeContext, type SlotSets } from './context.ts';
import type { Journal, Opened } from './journal/journal.ts';
import type { Kind } from './kinds.ts';
import { watchLimits } from './limits.ts';
import type { KeyedMutex } from './locks/mutex.ts';
import type { ResourceLocks } from './locks/resource-locks.ts';
import { type Settlement, settleFailure } from './outcome.ts';
import { prepareStart, type RecordStart } from './record-start.ts';
import { makeReporter, type Reporter } from './reporting/reporter.ts';

/** What every attempt of this worker shares. */
export interface AttemptParts {
  readonly records: RecordWriter;
  readonly journal: Journal;
  readonly locks: ResourceLocks;
  readonly slots: SlotSets;
  /** Jobs that were running when a worker died run one at a time, so that a second death has one suspect. */
  readonly suspects: KeyedMutex;
  /** Writes that end jobs and are on their way; the worker waits for them before it ends. */
  readonly endings: Set<Promise<unknown>>;
  readonly onError: (id: string, error: unknown) => void;
}

/** One delivery of one checked job. */
export interface Attempt {
  readonly body: JobBody;
  readonly kind: Kind;
  readonly delivery: DeliveryRef;
  /** Aborted with an SdmeError: cancel, limits, the worker's stop. */
  readonly controller: AbortController;
}

const suspectKey = 'suspects';

/**
 * Runs one delivery to its settlement: locks, journal, record, handler, journal, record, in this order. Whatever
 * dies in between, the next delivery comes to the same end: before `journal.done` it runs the handler again,
 * after it the stored outcome is written to the record again.
 */
export async function runAttempt(parts: AttemptParts, attempt: Attempt): Promise<Settlement> {
  const { body, kind, delivery, controller } = attempt;
  const { signal } = controller;
  let holding: Promise<unknown> | undefined;
  let opened: Opened | undefined;
  const hold = (what: string): void => {
    holding = holdRecord(parts, attempt, what);
  };
  try {
    const job = kind.prepare(body.input);
    await using _locks = await parts.locks.take(job.locks, signal, hold);
    opened = await parts.journal.open(body.id, kind.kind, signal);
    if (opened.state === 'done') return await end(parts, delivery, opened.outcome);
    if (opened.crashes >= kind.maxCrashes) return await endCrashed(parts, attempt, opened.crashes);
    using _alone = await standAlone(parts, attempt, opened.crashes, hold);
    await holding;
    const start = prepareStart(parts.records, delivery, opened);
    if (!opened.first) {
      const begun = await start.now();
      if (begun.done !== 'moved') return await refuse(parts, attempt, begun.state);
    }
    return await runHandler(parts, attempt, opened, start, (ctx) => job.run(ctx));
  } catch (thrown) {
    await holding;
    return await settle(parts, attempt, opened, thrown);
  }
}

/** A job that ends within this is spared the write of its beginning: its end says both. */
const startAfterMs = 5;

/**
 * Runs the handler. A first delivery does not wait for the record to say `running`: it cannot have ended, as
 * whoever cancels or gives up a job leaves it to the worker once BullMQ has handed it out, and marks its data
 * before that.
 */
async function runHandler(
  parts: AttemptParts,
  attempt: Attempt,
  opened: Opened,
  start: RecordStart,
  run: (ctx: Context) => Promise<unknown>,
): Promise<Settlement> {
  const { body, kind, delivery, controller } = attempt;
  const { records, slots } = parts;
  using limits = watchLimits(limitsOf(kind, body), (reason) => controller.abort(reason));
  const reporter = makeReporter(records, delivery, {
    onSign: limits.sign,
    onStep: (step) => parts.journal.step(body.id, step),
    onError: (error) => parts.onError(body.id, error),
  });
  const ctx = makeContext({ delivery, signal: controller.signal, reporter, records, slots, limits });
  const late = setTimeout(() => {
    limits.begin();
    if (opened.state === 'open' && opened.first) announceStart(parts, attempt, start);
  }, startAfterMs);
  let result: unknown;
  try {
    result = await run(ctx);
  } catch (thrown) {
    return await settle(parts, attempt, opened, thrown, { reporter, start });
  } finally {
    clearTimeout(late);
  }
  const outcome: Outcome = { state: 'succeeded', result };
  await markDone(parts, body.id, outcome);
  return end(parts, delivery, outcome, { reporter, start });
}

/** Says in the record that the job runs; learns on the way whether it was cancelled meanwhile. */
function announceStart(parts: AttemptParts, { delivery, controller }: Attempt, start: RecordStart): void {
  start.now().then(
    ({ done }) => done === 'moved' || controller.abort(cancelledError()),
    (error: unknown) => parts.onError(delivery.id, error),
  );
}

/** The kind's limits with the job's own on top. Pure. */
export function limitsOf(kind: Pick<Kind, 'limits'>, body: Pick<JobBody, 'limits'>): JobLimits {
  const { queueMs, runMs, noProgressMs } = kind.limits;
  return {
    queueMs: body.limits?.queueMs ?? queueMs,
    runMs: body.limits?.runMs ?? runMs,
    noProgressMs: body.limits?.noProgressMs ?? noProgressMs,
  };
}

/** Says in the record what the job waits for; learns on the way whether it was cancelled meanwhile. */
async function holdRecord(parts: AttemptParts, attempt: Attempt, what: string): Promise<void> {
  try {
    const held = await parts.records.hold(attempt.delivery, what);
    if (held.done === 'refused') attempt.controller.abort(cancelledError());
  } catch (error) {
    parts.onError(attempt.body.id, error);
  }
}

/** A job that was running when a worker died waits until no other such job runs. */
async function standAlone(
  parts: AttemptParts,
  attempt: Attempt,
  crashes: number,
  hold: (what: string) => void,
): Promise<Disposable | undefined> {
  if (crashes === 0) return undefined;
  const free = parts.suspects.tryTake(suspectKey, 'exclusive');
  if (free === undefined) hold('other jobs that may have crashed the worker');
  const turn = free ?? (await parts.suspects.take(suspectKey, 'exclusive', attempt.controller.signal));
  try {
    await parts.journal.running(attempt.body.id);
    return turn;
  } catch (error) {
    turn[Symbol.dispose]();
    throw error;
  }
}

/** The record does not let the job begin: it has ended, or was asked to end while a dead worker ran it. */
async function refuse(
  parts: AttemptParts,
  { body, delivery }: Attempt,
  state: string | undefined,
): Promise<Settlement> {
  if (state === 'cancelling') {
    const outcome: Outcome = { state: 'cancelled', error: toErrorRecord(cancelledError()) };
    await markDone(parts, body.id, outcome);
    return end(parts, delivery, outcome);
  }
  await parts.journal.release(body.id, false);
  return { do: 'drop' };
}

async function endCrashed(
  parts: AttemptParts,
  { body, kind, delivery }: Attempt,
  crashes: number,
): Promise<Settlement> {
  const message = `the worker died ${crashes} times while it ran this ${kind.kind} job; it is not run again`;
  const error = toErrorRecord(new SdmeError('job.crashed', message, { facts: { crashes } }));
  const outcome: Outcome = { state: 'failed', error };
  await markDone(parts, body.id, outcome);
  return end(parts, delivery, outcome, { crashes });
}

/** Judges a failed attempt and carries the judgement out, in the journal first. */
async function settle(
  parts: AttemptParts,
  attempt: Attempt,
  opened: Opened | undefined,
  thrown: unknown,
  run: Pick<EndFacts, 'reporter' | 'start'> = {},
): Promise<Settlement> {
  const { body, kind, delivery, controller } = attempt;
  const abortReason = controller.signal.aborted ? reasonOf(controller.signal) : undefined;
  const facts = { abortReason, attempt: opened?.attempt ?? 1, retry: kind.retry, random: Math.random() };
  const settlement = settleFailure(thrown, facts);
  switch (settlement.do) {
    case 'drop':
      return settlement;
    case 'end':
      await markDone(parts, body.id, settlement.outcome);
      return end(parts, delivery, settlement.outcome, run);
    case 'retry':
    case 'hand-back': {
      const unwritten = run.start?.drop();
      const progress = await run.reporter?.close();
      if (progress !== undefined) await parts.records.progress(body.id, progress);
      if (opened !== undefined) await parts.journal.release(body.id, settlement.do === 'retry');
      const moved =
        settlement.do === 'retry'
          ? await parts.records.postpone(
              delivery,
              `retry in ${Math.ceil(settlement.delayMs / 1000)} s`,
              unwritten,
            )
          : await parts.records.handBack(delivery, unwritten);
      if (moved.done === 'moved') return settlement;
      return refuse(parts, attempt, moved.state);
    }
    default:
      return settlement satisfies never;
  }
}

/** The outcome into the journal. If that fails the record still gets it, which refuses a second run too. */
async function markDone(parts: AttemptParts, id: string, outcome: Outcome): Promise<void> {
  try {
    await parts.journal.done(id, outcome);
  } catch (error) {
    parts.onError(id, error);
  }
}

/** What is known about a run when it ends. */
interface EndFacts {
  readonly reporter?: Reporter;
  readonly start?: RecordStart;
  readonly crashes?: number;
}

/**
 * The outcome into the record. The write is sent, not waited for: what BullMQ writes next goes over the same
 * connection behind it, and should this one fail the sweep finds the job and brings it back.
 */
async function end(
  parts: AttemptParts,
  delivery: DeliveryRef,
  outcome: Outcome,
  { reporter, start, crashes }: EndFacts = {},
): Promise<Settlement> {
  const unwritten = start?.drop();
  const progress = await reporter?.close();
  const writing = parts.records
    .finish(delivery, outcome, { progress, start: unwritten, crashes })
    .catch((error) => parts.onError(delivery.id, error))
    .finally(() => parts.endings.delete(writing));
  parts.endings.add(writing);
  return { do: 'end', outcome };
}

/** Why a signal was aborted, as an error of ours. */
export function reasonOf(signal: AbortSignal): SdmeError {
  const reason: unknown = signal.reason;
  return reason instanceof SdmeError
    ? reason
    : new SdmeError('internal', 'the job was ended for no reason that is known', { cause: reason });
}

/** The reason of a cancel. */
export function cancelledError(): SdmeError {
  return new SdmeError('job.cancelled', 'the job was cancelled on request');
}
