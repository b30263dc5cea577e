import type { Redis } from 'ioredis';
import { keys } from './keys.ts';

/** How often a worker of a shared queue says that it is there. */
export const announceEveryMs = 5_000;
/** How long that holds; a server that starts again or a busy worker is no missing one. */
const heldSeconds = 20;

/** Says that a worker takes the jobs of a host. */
export async function announceWorker(redis: Redis, host: string): Promise<void> {
  await redis.set(keys.hostWorker(host), '1', 'EX', heldSeconds);
}

/** True while a worker takes the jobs of a host, and for a moment after its death. */
export async function hasWorker(redis: Redis, host: string): Promise<boolean> {
  return (await redis.exists(keys.hostWorker(host))) === 1;
}
