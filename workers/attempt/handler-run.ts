import type { ChildRequest, JobContext, Outcome } from '../../src/base/context.ts';
import type { LockRequest } from '../../src/contracts/index.ts';
import { type Children, openChildren } from '../children/children.ts';
import { makeContext } from '../context.ts';
import type { Opened } from '../journal/journal.ts';
import { limitsOf, watchLimits } from '../limits.ts';
import type { Settlement } from '../outcome.ts';
import { makeReporter } from '../reporting/reporter.ts';
import { cancelledError, end, markDone, settle } from './ending.ts';
import type { Attempt, AttemptParts } from './parts.ts';
import type { RecordStart } from './record-start.ts';

/** A job that ends within this is spared the write of its beginning: its end says both. */
const startAfterMs = 5;

/** What {@link runHandler} runs. */
export interface HandlerRun {
  readonly start: RecordStart;
  /** True when the beginning has been written. */
  readonly announced: boolean;
  /** All locks that are held meanwhile, a parent's included. */
  readonly locks: readonly LockRequest[];
  readonly run: (ctx: JobContext) => Promise<unknown>;
}

/**
 * Runs the handler. A first delivery does not wait for the record to say `running`: it cannot have ended, as
 * whoever cancels or gives up a job leaves it to the worker once BullMQ has handed it out, and marks its data
 * before that. A child that was there before the call for it has no such keeper.
 */
export async function runHandler(
  parts: AttemptParts,
  attempt: Attempt,
  opened: Opened | undefined,
  { start, announced, locks, run }: HandlerRun,
): Promise<Settlement> {
  const { body, kind, delivery, controller } = attempt;
  const { signal } = controller;
  const { records, slots } = parts;
  using limits = watchLimits(limitsOf(kind, body), (reason) => controller.abort(reason));
  const reporter = makeReporter(records, delivery, {
    onSign: limits.sign,
    onStep: (step) => parts.journal.step(body.id, step),
    onError: (error) => parts.onError(body.id, error),
  });
  let children: Children | undefined;
  const child = (request: ChildRequest): Promise<unknown> => {
    children ??= openChildren(parts.children, { body, locks, signal });
    return children.run(request);
  };
  const ctx = makeContext({ delivery, signal, reporter, records, slots, limits, child });
  const late = setTimeout(() => {
    limits.begin();
    if (!announced) announceStart(parts, attempt, start);
  }, startAfterMs);
  let result: unknown;
  try {
    result = await run(ctx).finally(() => {
      clearTimeout(late);
      return children?.end();
    });
  } catch (thrown) {
    return await settle(parts, attempt, opened, thrown, { reporter, start });
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
