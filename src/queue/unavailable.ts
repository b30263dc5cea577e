import { SdmeError, toSdmeError } from '../base/errors.ts';
import { describeTarget, type QueueTarget } from './connections.ts';

/** What ioredis says when a command found no server in time. */
const lostMessages = ['Command timed out', 'Connection is closed.'];
const lostCodes = ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'];

/** An error of a queue operation as ours: `queue.unavailable` when the server was not there or is full. */
export function toQueueError(thrown: unknown, target: QueueTarget): SdmeError {
  if (thrown instanceof SdmeError || !(thrown instanceof Error)) return toSdmeError(thrown);
  const code = 'code' in thrown ? thrown.code : undefined;
  if (lostMessages.includes(thrown.message) || lostCodes.some((known) => known === code)) {
    return new SdmeError('queue.unavailable', `the queue at ${describeTarget(target)} does not answer`, {
      cause: thrown,
    });
  }
  if (thrown.message.startsWith('OOM ')) {
    const message = `the queue at ${describeTarget(target)} is full; raise its maxmemory or remove old jobs`;
    return new SdmeError('queue.unavailable', message, { cause: thrown });
  }
  if (/^(LOADING|MISCONF|MASTERDOWN|READONLY|CLUSTERDOWN|TRYAGAIN|NOREPLICAS) /.test(thrown.message)) {
    return new SdmeError(
      'queue.unavailable',
      `the queue at ${describeTarget(target)} cannot take it now: ${thrown.message}`,
      {
        cause: thrown,
      },
    );
  }
  return toSdmeError(thrown);
}
