import type { Redis } from 'ioredis';
import { z } from 'zod';
import { SdmeError, toErrorRecord } from '../base/errors.ts';
import type { JobState, QueueName } from '../contracts/index.ts';
import { keyPrefix, keys } from './keys.ts';
import { parseState } from './states.ts';

const cancelReply = z.tuple([z.string(), z.string(), z.enum(['control', 'bulk', ''])]);

/**
 * Leaves the durable mark that a job shall end, and nudges its worker; says where the job is and the state it is in
 * now, or undefined when there is none, or its record is damaged.
 */
export async function requestCancel(
  redis: Redis,
  id: string,
): Promise<{ host: string; queue: QueueName; state: JobState | undefined } | undefined> {
  const error = toErrorRecord(new SdmeError('job.cancelled', 'the job was cancelled before it began'));
  const reply = await redis.sdmeCancel(keys.job(id), `${keyPrefix}:`, id, Date.now(), JSON.stringify(error));
  const [state, host, queue] = cancelReply.parse(reply);
  return queue === '' ? undefined : { host, queue, state: parseState(state) };
}
