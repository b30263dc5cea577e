import type { Opened } from '../journal/journal.ts';
import { locksBeyond } from '../locks/inherit.ts';
import type { Settlement } from '../outcome.ts';
import { cancelledError, end, endCrashed, refuse, settle } from './ending.ts';
import { runHandler } from './handler-run.ts';
import type { Attempt, AttemptParts } from './parts.ts';
import { prepareStart } from './record-start.ts';

const suspectKey = 'suspects';

/**
 * Runs one delivery to its settlement: locks, journal, record, handler, journal, record, in this order. Whatever
 * dies in between, the next delivery comes to the same end: before `journal.done` it runs the handler again,
 * after it the stored outcome is written to the record again.
 */
export async function runAttempt(parts: AttemptParts, attempt: Attempt): Promise<Settlement> {
  const { body, kind, delivery, controller, under } = attempt;
  const { signal } = controller;
  let holding: Promise<unknown> | undefined;
  let opened: Opened | undefined;
  const hold = (what: string): void => {
    holding = holdRecord(parts, attempt, what);
  };
  try {
    const job = kind.prepare(body.input);
    const inherited = under?.locks ?? [];
    const wanted = inherited.length === 0 ? job.locks : locksBeyond(job.locks, inherited);
    await using _locks = await parts.locks.take(wanted, signal, hold);
    opened = await parts.journal.open(body.id, kind.kind, signal);
    if (opened.state === 'done') return await end(parts, delivery, opened.outcome);
    if (opened.crashes >= kind.maxCrashes) return await endCrashed(parts, attempt, opened.crashes);
    using _alone = await standAlone(parts, attempt, opened.crashes, hold);
    await holding;
    const start = prepareStart(parts.records, delivery, opened);
    const announced = !opened.first || under?.fresh === false;
    if (announced) {
      const begun = await start.now();
      if (begun.done !== 'moved') return await refuse(parts, attempt, begun.state);
    }
    const locks = [...inherited, ...wanted];
    return await runHandler(parts, attempt, opened, { start, announced, locks, run: (ctx) => job.run(ctx) });
  } catch (thrown) {
    await holding;
    return await settle(parts, attempt, opened, thrown);
  }
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
  if (attempt.under !== undefined) {
    // It runs in its parent's turn.
    await parts.journal.running(attempt.body.id);
    return undefined;
  }
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
