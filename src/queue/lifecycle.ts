import type { Redis } from 'ioredis';
import type { Outcome } from '../base/context.ts';
import type { JobState, LogLine, ProgressRecord } from '../contracts/index.ts';
import { insist } from './insist.ts';
import { keyPrefix, keys } from './keys.ts';
import { type Change, type Moved, openTransitions } from './transitions.ts';

export type { Moved } from './transitions.ts';

/** Which delivery of a job writes; `token` is new for each, so that a repeated write is known as one. */
export interface DeliveryRef {
  readonly id: string;
  readonly token: string;
}

/** Sums over a progress tree's items in bytes, kept beside the snapshot for batches. */
export interface ProgressSnapshot {
  readonly record: ProgressRecord;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** What the write that ends a job brings along. */
export interface Ending {
  readonly progress?: ProgressSnapshot | undefined;
  /** A beginning that was not worth a write of its own, as the end came right after it. */
  readonly start?: Started | undefined;
  readonly crashes?: number | undefined;
}

/** The beginning of a run: its counts as the journal has them, and the time. */
export interface Started {
  readonly attempt: number;
  readonly crashes: number;
  readonly at: number;
}

/** A log line before it has an offset. */
export type NewLogLine = Omit<LogLine, 'offset'>;

/**
 * The worker's write side of the records. Every call is atomic, may be repeated, and insists: it settles once
 * the server has taken the write, however long the server is away.
 */
export interface RecordWriter {
  /** The handler begins. Refused once ended or cancelling. */
  start(delivery: DeliveryRef, started: Started): Promise<Moved>;
  /** A worker holds the job, but it waits, e.g. for `lock fs/debian`. */
  hold(delivery: DeliveryRef, waitingFor: string): Promise<Moved>;
  /** What {@link hold} waited for is there: the handler goes on. */
  resume(delivery: DeliveryRef): Promise<Moved>;
  /** The attempt failed, the next one comes later; no worker holds the job meanwhile. */
  postpone(delivery: DeliveryRef, waitingFor: string, start?: Started): Promise<Moved>;
  /** The worker gives the job back without an attempt being counted. */
  handBack(delivery: DeliveryRef, start?: Started): Promise<Moved>;
  /** The job has ended. */
  finish(delivery: DeliveryRef, outcome: Outcome, more?: Ending): Promise<Moved>;
  /** False when the job has ended or is gone. */
  progress(id: string, snapshot: ProgressSnapshot): Promise<boolean>;
  /** Appends lines. `tag` differs from write to write, so that a repeated one adds nothing. */
  log(id: string, tag: string, lines: readonly NewLogLine[]): Promise<void>;
}

/** Log lines kept for each job; older ones are dropped, their offsets are not used again. */
export const keptLogLines = 20_000;

/** Opens the write side over a connection, which outlives it. `signal` ends the insisting at shutdown. */
export function openRecordWriter(redis: Redis, signal?: AbortSignal): RecordWriter {
  const transitions = openTransitions(redis, signal);
  const move = (delivery: DeliveryRef, to: JobState, changes: readonly Change[]): Promise<Moved> =>
    transitions.move({ ...delivery, to, changes });
  return {
    start: (delivery, started) =>
      move(delivery, 'running', [['s', 'held', 1], ...startChanges(started), ['d', 'waitingFor']]),
    hold: (delivery, waitingFor) =>
      move(delivery, 'waiting', [
        ['s', 'held', 1],
        ['s', 'waitingFor', waitingFor],
      ]),
    resume: (delivery) =>
      transitions.move({ ...delivery, to: 'running', from: ['waiting'], changes: [['d', 'waitingFor']] }),
    postpone: (delivery, waitingFor, start) =>
      move(delivery, 'waiting', [
        ...(start === undefined ? [] : startChanges(start)),
        ['s', 'held', 0],
        ['s', 'waitingFor', waitingFor],
      ]),
    handBack: (delivery, start) =>
      move(delivery, 'queued', [
        ...(start === undefined ? [] : startChanges(start)),
        ['s', 'held', 0],
        ['d', 'waitingFor'],
      ]),
    finish: (delivery, outcome, ending = {}) => move(delivery, outcome.state, finishChanges(outcome, ending)),
    progress: async (id, { record, bytesDone, bytesTotal }) => {
      const text = JSON.stringify(record);
      const write = (): Promise<unknown> =>
        redis.sdmeProgress(keys.job(id), `${keyPrefix}:`, id, text, bytesDone, bytesTotal);
      return (await insist(write, signal)) === 1;
    },
    log: async (id, tag, lines) => {
      const texts = lines.map((line) => JSON.stringify(line));
      const write = (): Promise<unknown> =>
        redis.sdmeAppendLog(keys.job(id), keys.log(id), `${keyPrefix}:`, id, tag, keptLogLines, ...texts);
      await insist(write, signal);
    },
  };
}

function startChanges({ attempt, crashes, at }: Started): Change[] {
  const changes: Change[] = [
    ['s', 'attempt', attempt],
    ['n', 'startedAt', at],
  ];
  return crashes === 0 ? changes : [...changes, ['s', 'crashes', crashes]];
}

function finishChanges(outcome: Outcome, { progress, start, crashes }: Ending): Change[] {
  const changes: Change[] = [
    outcome.state === 'succeeded'
      ? ['s', 'result', JSON.stringify(outcome.result) ?? 'null']
      : ['s', 'error', JSON.stringify(outcome.error)],
  ];
  if (start !== undefined) changes.push(...startChanges(start));
  if (crashes !== undefined) changes.push(['s', 'crashes', crashes]);
  if (progress !== undefined) {
    changes.push(
      ['s', 'progress', JSON.stringify(progress.record)],
      ['s', 'bytesDone', progress.bytesDone],
      ['s', 'bytesTotal', progress.bytesTotal],
    );
  }
  return changes;
}
