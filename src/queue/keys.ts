import { createHash } from 'node:crypto';
import type { JobState, QueueName } from '../contracts/index.ts';

/**
 * The prefix of every key, BullMQ's own included. The hash tag puts all of them on one cluster slot, so that
 * scripts and flows may touch several (bullmq-facts, B7).
 */
export const keyPrefix = '{sdme}';

/** The name of a host's queue in BullMQ. It holds a `.`, which no key of ours does, so the two never meet. */
export function bullQueueName(host: string, queue: QueueName): string {
  return `${host}.${queue}`;
}

/** The key under which BullMQ keeps a job. */
export function bullJobKey(host: string, queue: QueueName, id: string): string {
  return `${keyPrefix}:${bullQueueName(host, queue)}:${id}`;
}

/** Keys of ours; the scripts build the same names from the prefix. */
export const keys = {
  /** Hash: one job's record. */
  job: (id: string): string => `${keyPrefix}:job:${id}`,
  /** List: the kept log lines of a job; the first one's offset is `logLines` minus the length. */
  log: (id: string): string => `${keyPrefix}:job:${id}:log`,
  /** Set: hosts that ever had a job. */
  hosts: (): string => `${keyPrefix}:hosts`,
  /** Sorted set: all jobs of a host by time of submission. */
  hostJobs: (host: string): string => `${keyPrefix}:host:${host}:jobs`,
  /**
   * Sorted set: a host's jobs in a state. Scores are never before the submission: of queued jobs the time at which
   * they expire, of ended ones the time of their end, of others the time of submission. Those that wait for jobs of
   * their flow have the score already that they will have when they are queued.
   */
  hostState: (host: string, state: JobState): string => `${keyPrefix}:host:${host}:in:${state}`,
  /** String that expires: a worker takes the host's jobs. Only on a shared queue. */
  hostWorker: (host: string): string => `${keyPrefix}:host:${host}:worker`,
  /** List: what was in a queue and is no job of ours, newest first. */
  quarantine: (): string => `${keyPrefix}:quarantine`,
  /** String `<argument digest> <job id>`: what an idempotency key of a host led to. The key text is hashed to bound its length. */
  idempotency: (host: string, key: string): string =>
    `${keyPrefix}:host:${host}:idem:${createHash('sha256').update(key).digest('hex')}`,
  /** Hash: name in a flow to job id, and `.digest` of what was submitted. */
  flow: (id: string): string => `${keyPrefix}:flow:${id}`,
  /** Hash: a batch's own facts. Written by the producer; see batches. */
  batch: (id: string): string => `${keyPrefix}:batch:${id}`,
  /** Hash: number of a batch's jobs by state, and `bytesDone`, `bytesTotal` over all of them. */
  batchCounts: (id: string): string => `${keyPrefix}:batch:${id}:counts`,
  /** Hash: index in the batch to job id; a retried job replaces the failed one. */
  batchJobs: (id: string): string => `${keyPrefix}:batch:${id}:jobs`,
  /** Sorted set: ids of a batch's failed jobs by index. */
  batchFailed: (id: string): string => `${keyPrefix}:batch:${id}:failed`,
} as const;

/** Pub/sub channels. Their messages are hints to look again, never the truth. */
export const channels = {
  /** `<id> <revision> <state>` whenever the record or its log changed. */
  job: (id: string): string => `${keyPrefix}:hint:job:${id}`,
  /** The same for all jobs of a batch. */
  batch: (id: string): string => `${keyPrefix}:hint:batch:${id}`,
  /** Job ids whose cancel was asked for; the host's worker listens. */
  cancel: (host: string): string => `${keyPrefix}:cancel:${host}`,
} as const;
