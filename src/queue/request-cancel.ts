import type { Redis } from 'ioredis';
import { z } from 'zod';
import { SdmeError, toErrorRecord } from '../base/errors.ts';
import type { QueueName } from '../contracts/index.ts';
import { keyPrefix, keys } from './keys.ts';

const cancelReply = z.tuple([z.string(), z.string(), z.enum(['control', 'bulk', ''])]);

/**
 * Leaves the durable mark that a job shall end, and nudges its worker; says where the job is, or undefined when
 * there is none, or its record is damaged.
 */
export async function requestCancel(
  redis: Redis,
  id: string,
): Promise<{ host: string; queue: QueueName } | undefined> {
  const error = toErrorRecord(new SdmeError('job.cancelled', 'the job was cancelled before it began'));
  const reply = await redis.sdmeCancel(keys.job(id), `${keyPrefix}:`, id, Date.now(), JSON.stringify(error));
  const [, host, queue] = cancelReply.parse(reply);
  return queue === '' ? undefined : { host, queue };
}
