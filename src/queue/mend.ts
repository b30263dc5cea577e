import type { Redis } from 'ioredis';
import { toErrorRecord } from '../base/errors.ts';
import { ulidTime } from '../base/ulid.ts';
import type { JobState } from '../contracts/index.ts';
import { damagedError, overwrittenRecord } from './damaged-record.ts';
import { keyPrefix, keys } from './keys.ts';
import { keptNotes, keptPoison, type QuarantineNote } from './quarantine.ts';
import { decodeRecord } from './record-codec.ts';
import { unlessWrongType } from './wrong-type.ts';

/** A job of a host whose record cannot be acted upon, and the state in whose index it was found. */
export interface DamagedJob {
  readonly id: string;
  readonly state: JobState;
}

/** Leaves a failed job in the place of a live one whose record is damaged, and a note about what it held. */
export async function mend(
  redis: Redis,
  host: string,
  { id, state }: DamagedJob,
): Promise<QuarantineNote | undefined> {
  const hash = await unlessWrongType(redis.hgetall(keys.job(id)), undefined);
  const why = whyDamaged(id, hash);
  const held = JSON.stringify(hash ?? (await redis.type(keys.job(id)))).slice(0, keptPoison);
  const note: QuarantineNote = { at: Date.now(), host, queue: 'records', id, why, held };
  const mended = await redis.sdmeMend(
    keys.job(id),
    keys.quarantine(),
    `${keyPrefix}:`,
    id,
    host,
    state,
    note.at,
    ulidTime(id),
    JSON.stringify(toErrorRecord(damagedError(id, why))),
    JSON.stringify(note),
    keptNotes,
  );
  return mended === 1 ? note : undefined;
}

function whyDamaged(id: string, hash: Readonly<Record<string, string>> | undefined): string {
  if (hash !== undefined && Object.keys(hash).length === 0) return 'it is gone';
  const { damaged } = hash === undefined ? overwrittenRecord(id) : decodeRecord(id, hash);
  return damaged ?? 'it is not whole';
}
