import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { SdmeError, toErrorRecord, toSdmeError } from '../src/base/errors.ts';
import { newUlid } from '../src/base/ulid.ts';
import type { RecordWriter } from '../src/queue/lifecycle.ts';
import { mend } from '../src/queue/mend.ts';
import { requestCancel } from '../src/queue/request-cancel.ts';
import type { BullQueues } from '../src/queue/submission.ts';
import {
  cancelRequested,
  evictPoison,
  findCancelling,
  findExpired,
  findStrays,
  giveUp,
  isLive,
  storedBody,
  sweepEnded,
} from '../src/queue/upkeep.ts';
import { type Dispatcher, queueTimeout } from './dispatcher.ts';
import type { Journal } from './journal/journal.ts';

export interface UpkeepParts {
  readonly host: string;
  readonly redis: Redis;
  readonly records: RecordWriter;
  readonly queues: BullQueues;
  readonly dispatcher: Dispatcher;
  readonly journal: Journal;
  readonly log: Logger;
  /** Seconds and number, as the settings have them. */
  readonly retention: { readonly ageSeconds: number; readonly count: number };
}

/** A record younger than this may still be on its producer's way into the queue. */
const strayAgeMs = 3_000;

/** What keeps a host's records and queues true; each part may run at any time and be repeated. */
export interface Upkeep {
  /** Cancel marks, poison, strays, expired jobs: every few seconds, and at the start. */
  often(): Promise<void>;
  /** Retention: every minute. */
  seldom(): Promise<void>;
  /** Looks for poison now. */
  poison(): Promise<void>;
  /** Looks for cancel marks of the jobs in hand: a nudge may have been missed. */
  marks(): Promise<void>;
}

/** Makes the upkeep of one worker. */
export function makeUpkeep(parts: UpkeepParts): Upkeep {
  const { redis, host, dispatcher, log } = parts;
  const marks = async (): Promise<void> => {
    for (const id of await cancelRequested(redis, dispatcher.ids())) dispatcher.cancel(id);
  };
  const poison = async (): Promise<void> => {
    for (const queue of ['control', 'bulk'] as const) {
      for (const note of await evictPoison(redis, host, queue, dispatcher.has)) {
        log.warn({ job: note.id, queue, why: note.why }, 'set aside');
      }
    }
  };
  return {
    marks,
    poison,
    often: async () => {
      await marks();
      await endLetGo(parts);
      await poison();
      await bringBack(parts);
      await expire(parts);
    },
    seldom: async () => {
      const now = Date.now();
      const maxAgeMs = parts.retention.ageSeconds * 1_000;
      const limits = { maxAgeMs, maxCount: parts.retention.count };
      const removed = await sweepEnded(redis, host, limits, now);
      // Jobs may live as long again before they end, so entries are kept for twice the age.
      const pruned = await parts.journal.prune(now - 2 * maxAgeMs - 24 * 3_600_000);
      if (removed > 0 || pruned > 0) log.info({ removed, pruned }, 'old records removed');
    },
  };
}

/** Puts jobs into BullMQ that have a record and are not there, and sets aside those whose record is damaged. */
async function bringBack(parts: UpkeepParts): Promise<void> {
  const { redis, host, dispatcher, queues, log } = parts;
  const { missing, damaged } = await findStrays(redis, host, Date.now() - strayAgeMs);
  for (const job of damaged) {
    // Whoever runs it comes to an end of its own first.
    const note = dispatcher.has(job.id) ? undefined : await mend(redis, host, job);
    if (note !== undefined) log.warn({ job: job.id, why: note.why }, 'set aside: its record is damaged');
  }
  for (const id of missing) {
    if (dispatcher.has(id)) continue;
    const stored = await bodyOrEnd(parts, id);
    if (stored === undefined) continue;
    const { parent } = stored.body;
    if (parent !== undefined) {
      await endOrphan(parts, id, parent.id);
      continue;
    }
    await queues.add([{ ...stored.body, envelope: stored.envelope }]);
    log.info({ job: id }, 'put into the queue, where it was missing');
  }
}

/** A job's body as its record keeps it; one that keeps none any more cannot be run and fails. */
async function bodyOrEnd({ redis, records }: UpkeepParts, id: string): ReturnType<typeof storedBody> {
  try {
    return await storedBody(redis, id);
  } catch (thrown) {
    const error = toSdmeError(thrown);
    if (error.code !== 'job.envelope-invalid') throw error;
    await records.finish({ id, token: newUlid() }, { state: 'failed', error: toErrorRecord(error) });
    return undefined;
  }
}

/**
 * Cancels a child whose parent has ended without it: its worker died, and the parent was not run again. As long as
 * the parent lives, it is the parent's to run it.
 */
async function endOrphan({ redis, records, log }: UpkeepParts, id: string, parent: string): Promise<void> {
  if (await isLive(redis, parent)) return;
  const error = new SdmeError('job.cancelled', `the job was cancelled, as its parent ${parent} has ended`);
  await records.finish({ id, token: newUlid() }, { state: 'cancelled', error: toErrorRecord(error) });
  log.info({ job: id, parent }, 'cancelled: its parent has ended');
}

/**
 * Ends jobs whose cancel met them as they were let go for a later attempt: in their records no worker had them any
 * more, in BullMQ one still had. Without this they would only end when that attempt is due.
 */
async function endLetGo({ redis, host, dispatcher, queues }: UpkeepParts): Promise<void> {
  for (const id of await findCancelling(redis, host)) {
    if (dispatcher.has(id)) continue;
    const asked = await requestCancel(redis, id);
    if (asked?.state === 'cancelled') await queues.remove(asked.host, asked.queue, id);
  }
}

/** Fails jobs that no worker took within the time they were allowed to wait. */
async function expire(parts: UpkeepParts): Promise<void> {
  const { redis, host, dispatcher, queues } = parts;
  for (const id of await findExpired(redis, host, Date.now())) {
    if (dispatcher.has(id)) continue;
    const stored = await bodyOrEnd(parts, id);
    if (stored === undefined) continue;
    const error = queueTimeout(stored.body.expiresAt - stored.body.submittedAt);
    if (await giveUp(redis, id, toErrorRecord(error))) await queues.remove(host, stored.body.queue, id);
  }
}
