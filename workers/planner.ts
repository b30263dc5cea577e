import type { Redis } from 'ioredis';
import { SdmeError } from '../src/base/errors.ts';
import type { BullQueues } from '../src/queue/submission.ts';
import { storedBody } from '../src/queue/upkeep.ts';

function unlessInvalid(error: unknown): undefined {
  if (!(error instanceof SdmeError) || error.code !== 'job.envelope-invalid') throw error;
}

/**
 * Makes jobs for BullMQ of jobs of a flow that have become ready: the script that ended the last one they waited for
 * has queued their records. What dies before it has come here is found by the upkeep, as is every job that has a
 * record and is not in BullMQ. May be repeated.
 */
export async function enqueueReady(redis: Redis, queues: BullQueues, ids: readonly string[]): Promise<void> {
  // One whose envelope is damaged must not keep the others; the upkeep fails it.
  const stored = await Promise.all(ids.map((id) => storedBody(redis, id).catch(unlessInvalid)));
  await queues.add(
    stored.flatMap((job) => (job === undefined ? [] : [{ ...job.body, envelope: job.envelope }])),
  );
}
