import { SdmeError } from '../base/errors.ts';
import type { BatchStatus } from '../contracts/index.ts';
import { channels } from '../queue/keys.ts';
import { type BatchFailure, batchEnded, batchStuck, lookAtBatch } from './batch-status.ts';
import type { HostOf, Session } from './session.ts';
import { openTurns } from './turns.ts';

/** Least time between two statuses of a watch, in milliseconds. */
const watchPaceMs = 500;
/** How long a batch whose submit broke off is waited for, in milliseconds. */
const stuckMs = 30_000;

/**
 * The status whenever it changed, at most twice a second; the last one is that in which all jobs have ended.
 * @throws SdmeError `not-found`; `state.conflict` when the batch was never submitted to its end and nobody does;
 * `worker.unavailable`; the signal's reason
 */
export async function* watchBatch(
  session: Session,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<BatchStatus, void, undefined> {
  const hostOf: HostOf = async (queue) => (await queue.batches.head(id))?.host;
  await using turns = await openTurns(session, channels.batch(id), signal, watchPaceMs, hostOf);
  const known = new Map<string, BatchFailure>();
  let shown = '';
  let changedAt = Date.now();
  for (;;) {
    const snapshot = await session.patiently(signal, (queue) => lookAtBatch(queue, id, known));
    const { status } = snapshot;
    const text = fingerprint(status);
    if (text !== shown) {
      shown = text;
      changedAt = Date.now();
      yield status;
    }
    if (batchEnded(status)) return;
    if (batchStuck(snapshot) && Date.now() - changedAt > stuckMs)
      throw incomplete(id, snapshot.submitted, status);
    await turns.next();
  }
}

/** What of a status can change. Failures are told by their jobs. */
function fingerprint(status: BatchStatus): string {
  return JSON.stringify([
    status.states,
    status.bytesDone,
    status.bytesTotal,
    status.failures.map(({ job }) => job),
  ]);
}

function incomplete(id: string, submitted: number, status: BatchStatus): SdmeError {
  return new SdmeError(
    'state.conflict',
    `only ${submitted} of ${status.total} jobs of batch ${id} were submitted; submit it again to complete it`,
    { facts: { batch: id, submitted, total: status.total } },
  );
}
