import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type JobRecord, type JobState, type LogLine, logLine } from '../contracts/index.ts';
import type { QueueConnection } from './connections.ts';
import { overwrittenRecord } from './damaged-record.ts';
import { keyPrefix, keys } from './keys.ts';
import { decodeRecord } from './record-codec.ts';
import { unlessWrongType } from './wrong-type.ts';

/** Which records a listing shows; all conditions hold. Newest first. */
export interface RecordFilter {
  readonly host?: string;
  readonly states?: readonly JobState[];
  readonly kinds?: readonly string[];
  /** Epoch milliseconds: submitted at or after. */
  readonly since?: number;
  readonly batch?: string;
  readonly flow?: string;
  readonly limit?: number;
}

/** A stretch of a job's log. */
export interface LogSlice {
  readonly lines: readonly LogLine[];
  /** Lines between the offset asked for and the first one returned that had been dropped to bound the log. */
  readonly dropped: number;
  /** The offset to ask for next. */
  readonly next: number;
  /** Lines ever written; `next` equals it when the reader has seen all. */
  readonly written: number;
  readonly state: JobState;
}

/**
 * The read side of the records. Every answer is whole: one job's fields are read in one command. A damaged record is
 * given with what is left of it, and keeps no other from being read.
 */
export interface Records {
  /** The record now, or undefined when there is none (never was, or beyond retention). */
  read(id: string): Promise<JobRecord | undefined>;
  /** Records by id, in the order asked for; undefined where there is none. */
  readMany(ids: readonly string[]): Promise<(JobRecord | undefined)[]>;
  /** Only state and revision: cheap to ask when a hint came. The state of a damaged record may be any text. */
  glance(id: string): Promise<{ state: string; revision: number; logLines: number } | undefined>;
  list(filter?: RecordFilter): Promise<JobRecord[]>;
  /** Ids of all jobs, newest first, from the indexes alone. */
  ids(): Promise<string[]>;
  /** Log lines from `offset` on, at most `limit` (default 1000). Undefined when there is no such job. */
  log(id: string, offset: number, limit?: number): Promise<LogSlice | undefined>;
  /** Hosts that ever had a job. */
  hosts(): Promise<string[]>;
  /** How many jobs of a host are in each of the states. */
  count(host: string, states: readonly JobState[]): Promise<number>;
}

/** Opens the read side. Owns nothing: the connection outlives it. */
export function openRecords(connection: Pick<QueueConnection, 'commands'>): Records {
  const redis = connection.commands;
  return {
    read: async (id) => (await readMany(redis, [id]))[0],
    readMany: (ids) => readMany(redis, ids),
    glance: (id) => glance(redis, id),
    list: (filter = {}) => list(redis, filter),
    ids: () => candidates(redis, {}),
    log: (id, offset, limit = 1000) => readLog(redis, id, offset, limit),
    hosts: async () => (await redis.smembers(keys.hosts())).sort(),
    count: async (host, states) => {
      const counts = await Promise.all(states.map((state) => redis.zcard(keys.hostState(host, state))));
      return counts.reduce((sum, count) => sum + count, 0);
    },
  };
}

async function readMany(redis: Redis, ids: readonly string[]): Promise<(JobRecord | undefined)[]> {
  return Promise.all(
    ids.map(async (id) => {
      const hash = await unlessWrongType(redis.hgetall(keys.job(id)), undefined);
      if (hash === undefined) return overwrittenRecord(id);
      return Object.keys(hash).length === 0 ? undefined : decodeRecord(id, hash);
    }),
  );
}

async function glance(
  redis: Redis,
  id: string,
): Promise<{ state: string; revision: number; logLines: number } | undefined> {
  const asked = redis.hmget(keys.job(id), 'state', 'revision', 'logLines');
  const [state, revision, logLines] = await unlessWrongType(asked, ['']);
  if (typeof state === 'string')
    return { state, revision: Number(revision), logLines: Number(logLines ?? 0) };
  const damaged = (await redis.exists(keys.job(id))) === 1;
  return damaged ? { state: '', revision: 0, logLines: 0 } : undefined;
}

/** Records are read in pages, so that a listing of a few does not load all. */
const page = 200;

async function list(redis: Redis, filter: RecordFilter): Promise<JobRecord[]> {
  const limit = filter.limit ?? Number.POSITIVE_INFINITY;
  const ids = await candidates(redis, filter);
  const found: JobRecord[] = [];
  for (let at = 0; at < ids.length && found.length < limit; at += page) {
    for (const record of await readMany(redis, ids.slice(at, at + page))) {
      if (record !== undefined && matches(record, filter) && found.length < limit) found.push(record);
    }
  }
  return found;
}

/** Ids the indexes know for a filter, newest first: ULIDs sort by the time of their making. */
async function candidates(redis: Redis, filter: RecordFilter): Promise<string[]> {
  if (filter.batch !== undefined) {
    return Object.values(await redis.hgetall(keys.batchJobs(filter.batch)))
      .sort()
      .reverse();
  }
  if (filter.flow !== undefined) {
    const { '.digest': _digest, ...jobs } = await redis.hgetall(keys.flow(filter.flow));
    return Object.values(jobs).sort().reverse();
  }
  const hosts = filter.host === undefined ? await redis.smembers(keys.hosts()) : [filter.host];
  const indexes = hosts.flatMap((host) =>
    filter.states === undefined
      ? [keys.hostJobs(host)]
      : filter.states.map((state) => keys.hostState(host, state)),
  );
  const since = filter.since ?? '-inf';
  const ids = await Promise.all(indexes.map((index) => redis.zrangebyscore(index, since, '+inf')));
  return [...new Set(ids.flat())].sort().reverse();
}

/**
 * Pure: whether a record meets a filter; the indexes may have moved on since they were read. A damaged one that does
 * not know its host is of the one in whose index it was found.
 */
export function matches(record: JobRecord, filter: RecordFilter): boolean {
  const { host } = record;
  return (
    (filter.host === undefined || host === filter.host || (record.damaged !== undefined && host === '?')) &&
    (filter.states === undefined || filter.states.includes(record.state)) &&
    (filter.kinds === undefined || filter.kinds.includes(record.kind)) &&
    (filter.since === undefined || record.submittedAt >= filter.since) &&
    (filter.batch === undefined || record.batch === filter.batch) &&
    (filter.flow === undefined || record.flow?.id === filter.flow)
  );
}

const logReply = z.tuple([z.number(), z.number(), z.array(z.string()), z.string()]);
const storedLine = logLine.omit({ offset: true });

function decodeLine(text: string): Omit<LogLine, 'offset'> {
  try {
    return storedLine.parse(JSON.parse(text));
  } catch {
    return { at: 0, level: 'error', message: 'this line is damaged and cannot be read' };
  }
}

async function readLog(
  redis: Redis,
  id: string,
  offset: number,
  limit: number,
): Promise<LogSlice | undefined> {
  const reply = await redis.sdmeReadLog(keys.job(id), keys.log(id), `${keyPrefix}:`, id, offset, limit);
  const [written, from, texts, state] = logReply.parse(reply);
  if (written < 0) return undefined;
  const lines = texts.map((text, i) => ({ offset: from + i, ...decodeLine(text) }));
  return {
    lines,
    dropped: Math.max(0, from - offset),
    next: Math.max(from + lines.length, Math.min(offset, written)),
    written,
    state: state as JobState,
  };
}
