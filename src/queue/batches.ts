import { z } from 'zod';
import { SdmeError } from '../base/errors.ts';
import { type JobState, jobStates } from '../contracts/index.ts';
import type { QueueConnection } from './connections.ts';
import { keys } from './keys.ts';
import { unlessWrongType } from './wrong-type.ts';

/** What a batch was made with; never changes. */
export interface BatchHead {
  readonly id: string;
  readonly host: string;
  readonly submittedAt: number;
  readonly total: number;
  /** Digest of the items, so that a key used with other items is noticed. */
  readonly items: string;
}

/** Sums over a batch's jobs, kept by the scripts that change the jobs. */
export interface BatchCounts {
  readonly states: Readonly<Record<JobState, number>>;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** A job's place in its batch. */
export interface BatchMember {
  readonly index: number;
  readonly job: string;
}

/** Batches as the queue keeps them. Counting never reads the jobs' records. */
export interface Batches {
  /** Writes the head unless there is one; returns the one that holds. Safe to repeat. */
  create(head: BatchHead): Promise<{ head: BatchHead; existing: boolean }>;
  /** @throws SdmeError `job.damaged` */
  head(id: string): Promise<BatchHead | undefined>;
  counts(id: string): Promise<BatchCounts>;
  /** Jobs by index; those beyond retention are missing. */
  members(id: string): Promise<BatchMember[]>;
  failed(id: string): Promise<BatchMember[]>;
  /** States of jobs, in the order asked for; undefined beyond retention. */
  states(jobs: readonly string[]): Promise<(string | undefined)[]>;
  /** A job's index in its batch, unless another one has taken its place. */
  indexOf(job: string): Promise<number | undefined>;
}

const headFields = z.object({
  host: z.string(),
  submittedAt: z.coerce.number().int(),
  total: z.coerce.number().int(),
  items: z.string(),
});

/** Opens batches over a connection, which outlives it. */
export function openBatches(connection: Pick<QueueConnection, 'commands'>): Batches {
  const redis = connection.commands;
  const head = async (id: string): Promise<BatchHead | undefined> => {
    const hash = await unlessWrongType(redis.hgetall(keys.batch(id)), { damaged: '' });
    if (Object.keys(hash).length === 0) return undefined;
    const fields = headFields.safeParse(hash);
    if (!fields.success) throw new SdmeError('job.damaged', `what the queue keeps of batch ${id} is damaged`);
    return { id, ...fields.data };
  };
  return {
    create: async (wanted) => {
      const key = keys.batch(wanted.id);
      const writing = redis.multi();
      writing.hsetnx(key, 'host', wanted.host);
      writing.hsetnx(key, 'submittedAt', wanted.submittedAt);
      writing.hsetnx(key, 'total', wanted.total);
      writing.hsetnx(key, 'items', wanted.items);
      const replies = await writing.exec();
      const existing = replies?.[0]?.[1] === 0;
      return { head: (await head(wanted.id)) ?? wanted, existing };
    },
    head,
    counts: async (id) => decodeCounts(await redis.hgetall(keys.batchCounts(id))),
    members: async (id) => {
      const hash = await redis.hgetall(keys.batchJobs(id));
      return Object.entries(hash)
        .map(([index, job]) => ({ index: Number(index), job }))
        .sort((a, b) => a.index - b.index);
    },
    failed: async (id) => {
      const flat = await redis.zrange(keys.batchFailed(id), '0', '-1', 'WITHSCORES');
      return pairs(flat).map(([job, index]) => ({ index: Number(index), job }));
    },
    states: async (jobs) => {
      const stateOf = (job: string): Promise<string | null> => redis.hget(keys.job(job), 'state');
      const found = await Promise.all(jobs.map((job) => unlessWrongType(stateOf(job), null)));
      return found.map((state) => state ?? undefined);
    },
    indexOf: async (job) => {
      const index = await unlessWrongType(redis.hget(keys.job(job), 'batchIndex'), null);
      return index === null ? undefined : Number(index);
    },
  };
}

/** Counts of a hash; what is not in it, or is no number, counts nothing. Pure. */
export function decodeCounts(hash: Readonly<Record<string, string>>): BatchCounts {
  const count = (field: string): number => Number(hash[field] ?? 0) || 0;
  const states = Object.fromEntries(jobStates.map((state) => [state, count(state)]));
  return {
    states: z.record(z.enum(jobStates), z.number()).parse(states),
    bytesDone: count('bytesDone'),
    bytesTotal: count('bytesTotal'),
  };
}

function pairs(flat: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) found.push([flat[i] ?? '', flat[i + 1] ?? '']);
  return found;
}
