import { SdmeError } from '../base/errors.ts';
import type { BatchStatus } from '../contracts/index.ts';
import { cancelBatch, retryEnded, submitBatch } from './batch-changes.ts';
import { planBatch } from './batch-plan.ts';
import { lookAtBatch } from './batch-status.ts';
import { watchBatch } from './batch-watch.ts';
import type { BatchClient } from './client.ts';
import { endable } from './endable.ts';
import type { Session } from './session.ts';

/** The batches of a session; jobs are for `host` unless the caller says otherwise. */
export function openBatchClient(session: Session, host: string): BatchClient {
  const watch = (id: string, signal: AbortSignal | undefined): AsyncIterable<BatchStatus> =>
    endable(signal, (own) => watchBatch(session, id, own));
  return {
    submit: async (items, options = {}) => {
      const plan = planBatch(options.host ?? host, items, options.key, Date.now());
      return session.use((queue) => submitBatch(queue, plan));
    },
    status: (id) => session.use(async (queue) => (await lookAtBatch(queue, id, new Map())).status),
    watch: (id, options = {}) => watch(id, options.signal),
    wait: async (id, options = {}) => {
      let last: BatchStatus | undefined;
      for await (const status of watch(id, options.signal)) last = status;
      if (last === undefined)
        throw new SdmeError('internal', `the watch of batch ${id} ended without a status`);
      return last;
    },
    cancel: (id) => session.use((queue) => cancelBatch(queue, id)),
    retryFailed: (id) => session.use((queue) => retryEnded(queue, id, 'failed')),
    retryCancelled: (id) => session.use((queue) => retryEnded(queue, id, 'cancelled')),
  };
}
