import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { SdmeError } from '../base/errors.ts';
import type { JobRecord, QueueName } from '../contracts/index.ts';
import type { QueueConnection } from './connections.ts';
import { createRecord, type NewJob, type Submission } from './create-record.ts';
import { damagedError } from './damaged-record.ts';
import { type Envelope, sealEnvelope } from './envelope.ts';
import { createFlow, type FlowSubmission, type NewFlow } from './flows.ts';
import { bullQueueName, keyPrefix } from './keys.ts';
import { openRecords } from './records.ts';
import { requestCancel } from './request-cancel.ts';

export type { NewJob, Submission } from './create-record.ts';
export type { FlowSubmission, NewFlow } from './flows.ts';

/** The producer's write side of the queue. */
export interface Submitter {
  /**
   * Creates records and puts the jobs into their queues; once it returns, all accepted jobs are on the server's
   * disk. `mismatch` means: its idempotency key belongs to job `id`, which has other arguments. Safe to repeat
   * with the same ids. A producer that dies in the middle leaves records that the worker's sweep enqueues.
   * @throws SdmeError `queue.unavailable`, `input.invalid` (too large)
   */
  submit(jobs: readonly NewJob[]): Promise<Submission[]>;
  /** The same for the jobs of a flow, all or none of which are accepted. */
  submitFlow(flow: NewFlow): Promise<FlowSubmission>;
  /** Asks a job to end; returns its record afterwards. @throws SdmeError `not-found`, `job.damaged` */
  cancel(id: string): Promise<JobRecord>;
  close(): Promise<void>;
}

/** Opens the write side over a connection, which outlives it. */
export function openSubmitter(connection: QueueConnection): Submitter {
  const queues = openBullQueues(connection.commands);
  const records = openRecords(connection);
  return {
    submit: (jobs) => submit(connection.commands, queues, jobs),
    submitFlow: async (flow) => {
      const { submission, ready } = await createFlow(connection.commands, flow);
      await queues.add(ready);
      return submission;
    },
    cancel: async (id) => {
      const place = await requestCancel(connection.commands, id);
      const record = await records.read(id);
      if (record === undefined) throw new SdmeError('not-found', `job not found: ${id}`);
      if (place === undefined) throw damagedError(id, record.damaged ?? 'it cannot be cancelled');
      if (record.state === 'cancelled') await queues.remove(place.host, place.queue, id);
      return record;
    },
    close: () => queues.close(),
  };
}

/** Jobs written to the server in one go; bounds what lies in memory for a batch of 10,000. */
const chunk = 500;

async function submit(redis: Redis, queues: BullQueues, jobs: readonly NewJob[]): Promise<Submission[]> {
  const sealed = jobs.map((job) => ({ job, envelope: sealEnvelope(job.body) }));
  const answers: Submission[] = [];
  for (let at = 0; at < sealed.length; at += chunk) {
    const part = sealed.slice(at, at + chunk);
    const replies = await Promise.all(part.map(({ job, envelope }) => createRecord(redis, job, envelope)));
    const created = part.filter((_entry, i) => replies[i]?.outcome === 'created');
    await queues.add(created.map(({ job, envelope }) => ({ ...job.body, envelope })));
    answers.push(...replies);
  }
  return answers;
}

/** A job to be put into a BullMQ queue. */
export interface Enqueue {
  readonly host: string;
  readonly queue: QueueName;
  readonly id: string;
  readonly kind: string;
  readonly envelope: Envelope;
}

/** BullMQ's queues by host and name, opened when first used. */
export interface BullQueues {
  /** Adds jobs; one that is there already stays as it is. */
  add(jobs: readonly Enqueue[]): Promise<void>;
  /** Removes a job that no worker holds; one that a worker holds stays. */
  remove(host: string, queue: QueueName, id: string): Promise<void>;
  close(): Promise<void>;
}

/** What BullMQ shall do with a job: nothing but deliver it. Retries, retention and limits are ours. */
export function bullJobOptions(id: string): { jobId: string; removeOnComplete: true; removeOnFail: true } {
  return { jobId: id, removeOnComplete: true, removeOnFail: true };
}

/** Opens BullMQ's queues over one shared connection (bullmq-facts, B7: 200 queues, one connection). */
export function openBullQueues(redis: Redis): BullQueues {
  const open = new Map<string, Queue>();
  const queueOf = (name: string): Queue => {
    const known = open.get(name);
    if (known !== undefined) return known;
    const queue = new Queue(name, { connection: redis, prefix: keyPrefix, skipVersionCheck: true });
    // The connection's owner hears of its errors; a Queue without a listener would throw them.
    queue.on('error', () => {});
    open.set(name, queue);
    return queue;
  };
  return {
    add: async (jobs) => {
      const byQueue = Map.groupBy(jobs, (job) => bullQueueName(job.host, job.queue));
      for (const [name, group] of byQueue) {
        const entries = group.map(({ id, kind, envelope }) => ({
          name: kind,
          data: envelope,
          opts: bullJobOptions(id),
        }));
        const [only, ...others] = entries;
        if (only === undefined) continue;
        if (others.length === 0) await queueOf(name).add(only.name, only.data, only.opts);
        else await queueOf(name).addBulk(entries);
      }
    },
    remove: async (host, queue, id) => {
      const job = await queueOf(bullQueueName(host, queue)).getJob(id);
      // A held job refuses; its worker finds the record cancelled and drops it.
      await job?.remove().catch(() => undefined);
    },
    close: async () => {
      await Promise.all([...open.values()].map((queue) => queue.close()));
      open.clear();
    },
  };
}
