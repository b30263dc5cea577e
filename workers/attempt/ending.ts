import type { Outcome } from '../../src/base/context.ts';
import { SdmeError, toErrorRecord } from '../../src/base/errors.ts';
import type { DeliveryRef } from '../../src/queue/lifecycle.ts';
import type { Opened } from '../journal/journal.ts';
import { type Settlement, settleFailure } from '../outcome.ts';
import type { Reporter } from '../reporting/reporter.ts';
import type { Attempt, AttemptParts } from './parts.ts';
import type { RecordStart } from './record-start.ts';

/** Judges a failed attempt and carries the judgement out, in the journal first. */
export async function settle(
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
export async function markDone(parts: AttemptParts, id: string, outcome: Outcome): Promise<void> {
  try {
    await parts.journal.done(id, outcome);
  } catch (error) {
    parts.onError(id, error);
  }
}

/** What is known about a run when it ends. */
export interface EndFacts {
  readonly reporter?: Reporter;
  readonly start?: RecordStart;
  readonly crashes?: number;
}

/**
 * The outcome into the record, and jobs that only waited for this one into their queues. The write is not waited for:
 * should it be lost, the sweep finds a live record whose job BullMQ has not, brings it back, and the next delivery
 * finds the outcome in the journal.
 */
export async function end(
  parts: AttemptParts,
  delivery: DeliveryRef,
  outcome: Outcome,
  { reporter, start, crashes }: EndFacts = {},
): Promise<Settlement> {
  const unwritten = start?.drop();
  const progress = await reporter?.close();
  const writing = parts.records
    .finish(delivery, outcome, { progress, start: unwritten, crashes })
    .then(({ ready }) => (ready.length === 0 ? undefined : parts.plan(ready)))
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

/** The record does not let the job begin: it has ended, or was asked to end while a dead worker ran it. */
export async function refuse(
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

/** A job that its limit of crashes has been reached for is not run again. */
export async function endCrashed(
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
