import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { ErrorRecord } from '../base/errors.ts';
import { type EndState, endStates, isEndState, type JobState, type QueueName } from '../contracts/index.ts';
import { type Envelope, envelopeType, type JobBody, parseBody } from './envelope.ts';
import { bullQueueName, keyPrefix, keys } from './keys.ts';
import type { DamagedJob } from './mend.ts';
import { keptNotes, keptPoison, type QuarantineNote } from './quarantine.ts';
import { liveStates, parseState } from './states.ts';
import { unlessWrongType } from './wrong-type.ts';

const straysReply = z.tuple([z.number(), z.array(z.string()), z.array(z.string())]);
const straysPage = 1_000;

/** Jobs of a host that have not ended and will not without help. */
export interface Strays {
  /** Ids of those that BullMQ does not have: their producer died between record and queue. */
  readonly missing: readonly string[];
  /** Those with a record that nobody can act upon. */
  readonly damaged: readonly DamagedJob[];
}

/** Looks for them; as missing count only those submitted before `before`. */
export async function findStrays(redis: Redis, host: string, before: number): Promise<Strays> {
  const missing: string[] = [];
  const damaged: DamagedJob[] = [];
  for (const state of liveStates) {
    for (let first = 0; ; first += straysPage) {
      const reply = await redis.sdmeStrays(
        keys.hostState(host, state),
        `${keyPrefix}:`,
        host,
        before,
        first,
        first + straysPage - 1,
      );
      const [seen, strays, broken] = straysReply.parse(reply);
      missing.push(...strays);
      damaged.push(...broken.map((id) => ({ id, state })));
      if (seen < straysPage) break;
    }
  }
  return { missing, damaged };
}

/**
 * A job's body and envelope as its record keeps them; undefined when the job has ended or is gone.
 * @throws SdmeError `job.envelope-invalid`
 */
export async function storedBody(
  redis: Redis,
  id: string,
): Promise<{ body: JobBody; envelope: Envelope } | undefined> {
  const [state, text] = await unlessWrongType(redis.hmget(keys.job(id), 'state', 'envelope'), []);
  if (typeof state !== 'string' || !liveStates.includes(state as JobState)) return undefined;
  const body = parseBody(text ?? '');
  return { body, envelope: { t: envelopeType, p: text ?? '', s: [] } };
}

/** True while there is such a job and it has not ended. */
export async function isLive(redis: Redis, id: string): Promise<boolean> {
  const state = parseState((await unlessWrongType(redis.hget(keys.job(id), 'state'), null)) ?? '');
  return state !== undefined && !isEndState(state);
}

/** Ids of a host's jobs that no worker has taken within the time they were allowed to wait. */
export async function findExpired(redis: Redis, host: string, now: number): Promise<string[]> {
  return redis.zrangebyscore(keys.hostState(host, 'queued'), '-inf', now, 'LIMIT', 0, 500);
}

/** Fails a job that no worker has begun or has in hand; false when one has. */
export async function giveUp(redis: Redis, id: string, error: ErrorRecord): Promise<boolean> {
  const text = JSON.stringify(error);
  return (await redis.sdmeGiveUp(keys.job(id), `${keyPrefix}:`, id, Date.now(), text)) === 1;
}

/** True when a worker has begun the job at least once. */
export async function hasStarted(redis: Redis, id: string): Promise<boolean> {
  return (await unlessWrongType(redis.hexists(keys.job(id), 'startedAt'), 0)) === 1;
}

/** Ids of a host's jobs that were asked to end and have not ended. */
export async function findCancelling(redis: Redis, host: string): Promise<string[]> {
  return redis.zrange(keys.hostState(host, 'cancelling'), '0', '499');
}

/** Which of the jobs somebody asked to end. */
export async function cancelRequested(redis: Redis, ids: readonly string[]): Promise<string[]> {
  const markOf = (id: string): Promise<string | null> => redis.hget(keys.job(id), 'cancelRequestedAt');
  const marks = await Promise.all(ids.map((id) => unlessWrongType(markOf(id), null)));
  return ids.filter((_id, i) => typeof marks[i] === 'string');
}

/**
 * Finds jobs that BullMQ holds as active and cannot read, so that they would stay there for ever
 * (bullmq-facts, B6), takes them out and sets them aside. `mine` are ids this worker is running.
 */
export async function evictPoison(
  redis: Redis,
  host: string,
  queue: QueueName,
  mine: (id: string) => boolean,
): Promise<QuarantineNote[]> {
  const name = bullQueueName(host, queue);
  const notes: QuarantineNote[] = [];
  for (const id of await redis.lrange(`${keyPrefix}:${name}:active`, 0, -1)) {
    if (mine(id)) continue;
    const poison = await whyUnreadable(redis, `${keyPrefix}:${name}:${id}`);
    if (poison === undefined) continue;
    const note: QuarantineNote = { at: Date.now(), host, queue, id, ...poison };
    const text = JSON.stringify(note);
    const places = await redis.sdmeEvict(keys.quarantine(), `${keyPrefix}:`, id, name, text, keptNotes);
    if (Number(places) > 0) notes.push(note);
  }
  return notes;
}

/** Fields of BullMQ's that it parses as JSON before a worker sees the job. */
const parsedFields = ['data', 'opts', 'parent', 'progress'] as const;
/** Fields that it adds to: of the times it was handed out, has ended, was found without a lock. */
const countedFields = ['ats', 'atm', 'stc'] as const;
/** A job that BullMQ has found without a lock this often is one it cannot read for a reason we do not know. */
const mostStalls = 20;

async function whyUnreadable(redis: Redis, key: string): Promise<{ why: string; held: string } | undefined> {
  const type = await redis.type(key);
  // Gone: it was completed or removed since the list was read.
  if (type === 'none') return undefined;
  if (type !== 'hash') return { why: `BullMQ's record of it is a ${type}`, held: '' };
  const values = await redis.hmget(key, ...parsedFields, ...countedFields);
  for (const [i, field] of parsedFields.entries()) {
    const value = values[i];
    if (typeof value === 'string' && !isReadable(field, value)) {
      return { why: `BullMQ cannot read its field ${field}`, held: value.slice(0, keptPoison) };
    }
  }
  const held = String(values[0]).slice(0, keptPoison);
  const counts = values.slice(parsedFields.length);
  for (const [i, field] of countedFields.entries()) {
    const value = counts[i];
    if (typeof value === 'string' && !isCount(value))
      return { why: `BullMQ cannot count on its field ${field}`, held };
  }
  const stalls = Number(counts[countedFields.indexOf('stc')] ?? 0);
  // A worker that has its lock is about to be done with it.
  if (stalls <= mostStalls || (await redis.exists(`${key}:lock`)) === 1) return undefined;
  return { why: 'BullMQ delivers it again and again', held };
}

/** What HINCRBY takes: an integer, and far from the limit of 64 bits. Pure. */
export function isCount(text: string): boolean {
  return /^(0|-?[1-9][0-9]{0,14})$/.test(text);
}

/** JSON, and for the options an object: BullMQ fails on anything else. Pure. */
export function isReadable(field: string, text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return field !== 'opts' || (typeof value === 'object' && value !== null);
  } catch {
    return false;
  }
}

/** Jobs removed in one go, so that a job to begin never waits long behind it. */
const sweepStretch = 200;

/**
 * Removes a host's ended jobs that ended more than `maxAgeMs` ago, and beyond `maxCount` those that ended first.
 * Returns how many.
 */
export async function sweepEnded(
  redis: Redis,
  host: string,
  limits: { readonly maxAgeMs: number; readonly maxCount: number },
  now: number,
): Promise<number> {
  let removed = 0;
  for (const state of endStates) {
    removed += await sweepIndex(redis, host, state, `(${now - limits.maxAgeMs}`);
  }
  for (;;) {
    const counts = await Promise.all(endStates.map((state) => redis.zcard(keys.hostState(host, state))));
    const surplus = counts.reduce((sum, count) => sum + count, 0) - limits.maxCount;
    if (surplus <= 0) return removed;
    removed += await sweepFirst(redis, host, Math.min(surplus, sweepStretch));
  }
}

/** Removes the `count` jobs of a host that ended first, whatever their end. */
async function sweepFirst(redis: Redis, host: string, count: number): Promise<number> {
  const last = String(count - 1);
  const heads = await Promise.all(
    endStates.map(async (state) => {
      const flat = await redis.zrange(keys.hostState(host, state), '0', last, 'WITHSCORES');
      return flat.flatMap((id, i) => (i % 2 === 0 ? [{ id, state, endedAt: Number(flat[i + 1]) }] : []));
    }),
  );
  const first = heads
    .flat()
    .sort((a, b) => a.endedAt - b.endedAt)
    .slice(0, count);
  for (const state of endStates) {
    const ids = first.filter((entry) => entry.state === state).map(({ id }) => id);
    await forget(redis, host, state, ids);
  }
  return first.length;
}

async function sweepIndex(redis: Redis, host: string, state: EndState, until: string): Promise<number> {
  const index = keys.hostState(host, state);
  for (let removed = 0; ; ) {
    const ids = await redis.zrangebyscore(index, '-inf', until, 'LIMIT', 0, sweepStretch);
    if (ids.length === 0) return removed;
    await forget(redis, host, state, ids);
    removed += ids.length;
  }
}

async function forget(redis: Redis, host: string, state: EndState, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await Promise.all(ids.map((id) => redis.sdmeForget(keys.job(id), `${keyPrefix}:`, id, host)));
  // An index entry of a job that has not ended would be found again for ever.
  await redis.zrem(keys.hostState(host, state), ...ids);
}
