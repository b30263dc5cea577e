import { DelayedError, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { QueueName } from '../src/contracts/index.ts';
import { bullQueueName, keyPrefix } from '../src/queue/keys.ts';
import type { Dispatcher } from './dispatcher.ts';

export interface ConsumerOptions {
  readonly host: string;
  readonly queue: QueueName;
  /** Jobs in hand at once. Waiting for a lock or slot counts, so this is far above the number of slots. */
  readonly concurrency: number;
  /** Shared with the record writer, so that what a job's end writes arrives in order. */
  readonly commands: Redis;
  readonly dispatcher: Dispatcher;
  readonly log: Logger;
  /** Called when BullMQ reports an error that is not the connection's: there may be poison in the queue. */
  readonly onTrouble: () => void;
}

/** Takes jobs from one of the host's queues. */
export interface Consumer {
  /**
   * Takes no more; resolves when what it had has been settled and the queue has been told, which takes for ever
   * while the queue does not answer. BullMQ cannot be hurried once it closes: `close(true)` is the same promise.
   */
  close(): Promise<void>;
}

/**
 * A job whose worker died is taken to be stalled when its lock, renewed every 2 s, has run out after 4 s; a
 * check every 2 s then delivers it again: measured 4 to 8 s after the kill (bullmq-facts, B3).
 */
const lockDuration = 4_000;
const stalledInterval = 2_000;

/**
 * Starts taking jobs. BullMQ is used for delivery only: the processor has no signal parameter, as cancel comes
 * by a way of ours that works from any process; crashes are counted by the journal, so BullMQ's limit is out of
 * reach; and a lost lock needs no abort, as a second delivery joins the first or waits for its claim.
 */
export function startConsumer(options: ConsumerOptions): Consumer {
  const { host, queue, dispatcher, log } = options;
  const worker = new Worker(
    bullQueueName(host, queue),
    async (job, token) => {
      const id = job.id ?? '';
      const settlement = await dispatcher.deliver({ id, queue, data: job.data });
      switch (settlement.do) {
        case 'end':
        case 'drop':
          return null;
        case 'retry':
          await job.moveToDelayed(Date.now() + settlement.delayMs, token);
          throw new DelayedError();
        case 'hand-back':
          await job.moveToWait(token);
          throw new WaitingError();
        default:
          return settlement satisfies never;
      }
    },
    {
      connection: options.commands,
      prefix: keyPrefix,
      concurrency: options.concurrency,
      lockDuration,
      stalledInterval,
      maxStalledCount: 1_000_000,
      // Without it BullMQ waits 15 s after each broken connection before it takes the next job.
      runRetryDelay: 500,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    },
  );
  worker.on('error', (error) => {
    if ('code' in error) return;
    // Not the error itself: it holds the whole command, a stranger's data included.
    log.warn({ queue, error: error.message }, 'BullMQ reports an error');
    options.onTrouble();
  });
  worker.on('stalled', (id) => log.warn({ queue, job: id }, 'delivered again, as its lock had run out'));
  return { close: () => worker.close() };
}
