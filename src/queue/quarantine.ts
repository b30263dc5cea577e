import type { Redis } from 'ioredis';
import { z } from 'zod';
import { keys } from './keys.ts';

/** What was set aside because it is no job of ours. */
export const quarantineNote = z.strictObject({
  at: z.number(),
  host: z.string(),
  /** BullMQ's queue it was in; `records` for a job whose record is damaged. */
  queue: z.string(),
  /** The id under which BullMQ, or a record, had it. */
  id: z.string(),
  why: z.string(),
  /** The beginning of what it held. */
  held: z.string(),
});
export type QuarantineNote = z.output<typeof quarantineNote>;

/** Notes kept; strangers can make as many as they like. */
export const keptNotes = 1_000;
/** Characters kept of what a poisoned job held. */
export const keptPoison = 4_096;

/** Keeps a note about what BullMQ delivered and is no job of ours. */
export async function setAside(redis: Redis, note: QuarantineNote): Promise<void> {
  await redis
    .pipeline()
    .lpush(keys.quarantine(), JSON.stringify(note))
    .ltrim(keys.quarantine(), 0, keptNotes - 1)
    .exec();
}

/** The notes, newest first. */
export async function readQuarantine(redis: Redis, limit = 100): Promise<QuarantineNote[]> {
  const texts = await redis.lrange(keys.quarantine(), 0, limit - 1);
  return texts.map((text) => quarantineNote.parse(JSON.parse(text)));
}
