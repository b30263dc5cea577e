import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Outcome } from '../base/context.ts';
import { type JobState, jobStates, type LogLine, type ProgressRecord } from '../contracts/index.ts';
import { insist } from './insist.ts';
import { keyPrefix, keys } from './keys.ts';
import { statesBefore } from './states.ts';

/** Answer to a change of state. */
export interface Moved {
  /** `refused`: the table does not allow the move from `state`; nothing was changed. */
  readonly done: 'moved' | 'refused' | 'missing';
  readonly state: JobState | undefined;
  readonly revision: number;
  readonly cancelRequestedAt: number | undefined;
}

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

/** A log line before it has an offset. */
export type NewLogLine = Omit<LogLine, 'offset'>;

/**
 * The worker's write side of the records. Every call is atomic, may be repeated, and insists: it settles once
 * the server has taken the write, however long the server is away.
 */
export interface RecordWriter {
  /** The handler begins: `attempt` and `crashes` as the journal has them. Refused once ended or cancelling. */
  start(delivery: DeliveryRef, counts: { attempt: number; crashes: number }): Promise<Moved>;
  /** A worker holds the job, but it waits, e.g. for `lock fs/debian`. */
  hold(delivery: DeliveryRef, waitingFor: string): Promise<Moved>;
  /** What {@link hold} waited for is there: the handler goes on. */
  resume(delivery: DeliveryRef): Promise<Moved>;
  /** The attempt failed, the next one comes later; no worker holds the job meanwhile. */
  postpone(delivery: DeliveryRef, waitingFor: string): Promise<Moved>;
  /** The worker gives the job back without an attempt being counted. */
  handBack(delivery: DeliveryRef): Promise<Moved>;
  /** The job has ended. `crashes` when they are why. */
  finish(
    delivery: DeliveryRef,
    outcome: Outcome,
    more?: { readonly progress?: ProgressSnapshot | undefined; readonly crashes?: number },
  ): Promise<Moved>;
  /** False when the job has ended or is gone. */
  progress(id: string, snapshot: ProgressSnapshot): Promise<boolean>;
  /** Appends lines. `tag` differs from write to write, so that a repeated one adds nothing. */
  log(id: string, tag: string, lines: readonly NewLogLine[]): Promise<void>;
}

/** Log lines kept for each job; older ones are dropped, their offsets are not used again. */
export const keptLogLines = 20_000;

const moveReply = z.tuple([
  z.number(),
  z.enum(['', ...jobStates]),
  z.number(),
  z.string(),
  z.number(),
  z.number(),
]);

type Change = readonly ['s' | 'n' | 'i', string, string | number] | readonly ['d', string];

/** Allowed states in the form the script takes. */
function allowedFrom(to: JobState): string {
  return `,${statesBefore(to).join(',')},`;
}

/** Opens the write side over a connection, which outlives it. `signal` ends the insisting at shutdown. */
export function openRecordWriter(redis: Redis, signal?: AbortSignal): RecordWriter {
  const move = async (
    delivery: DeliveryRef,
    to: JobState,
    changes: readonly Change[],
    from = allowedFrom(to),
  ): Promise<Moved> => {
    const args = changes.flatMap(([op, field, value]) => [op, field, value ?? '']);
    const now = Date.now();
    const reply = await insist(
      () =>
        redis.sdmeTransition(
          keys.job(delivery.id),
          `${keyPrefix}:`,
          delivery.id,
          now,
          to,
          from,
          delivery.token,
          ...args,
        ),
      signal,
    );
    return movedOf(reply);
  };
  return {
    start: (delivery, { attempt, crashes }) =>
      move(delivery, 'running', [
        ['s', 'held', 1],
        ['s', 'attempt', attempt],
        ['s', 'crashes', crashes],
        ['n', 'startedAt', Date.now()],
        ['d', 'waitingFor'],
      ]),
    hold: (delivery, waitingFor) =>
      move(delivery, 'waiting', [
        ['s', 'held', 1],
        ['s', 'waitingFor', waitingFor],
      ]),
    resume: (delivery) => move(delivery, 'running', [['d', 'waitingFor']], ',waiting,'),
    postpone: (delivery, waitingFor) =>
      move(delivery, 'waiting', [
        ['s', 'held', 0],
        ['s', 'waitingFor', waitingFor],
      ]),
    handBack: (delivery) =>
      move(delivery, 'queued', [
        ['s', 'held', 0],
        ['d', 'waitingFor'],
      ]),
    finish: (delivery, outcome, { progress, crashes } = {}) => {
      const changes = finishChanges(outcome, progress);
      if (crashes !== undefined) changes.push(['s', 'crashes', crashes]);
      return move(delivery, outcome.state, changes);
    },
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

function movedOf(reply: unknown): Moved {
  const [code, state, revision, cancelRequestedAt] = moveReply.parse(reply);
  return {
    done: code === 1 ? 'moved' : code === 0 ? 'refused' : 'missing',
    state: state === '' ? undefined : state,
    revision,
    cancelRequestedAt: cancelRequestedAt === '' ? undefined : Number(cancelRequestedAt),
  };
}

function finishChanges(outcome: Outcome, progress: ProgressSnapshot | undefined): Change[] {
  const changes: Change[] = [
    ['d', 'held'],
    ['d', 'waitingFor'],
    outcome.state === 'succeeded'
      ? ['s', 'result', JSON.stringify(outcome.result) ?? 'null']
      : ['s', 'error', JSON.stringify(outcome.error)],
  ];
  if (progress !== undefined) {
    changes.push(
      ['s', 'progress', JSON.stringify(progress.record)],
      ['s', 'bytesDone', progress.bytesDone],
      ['s', 'bytesTotal', progress.bytesTotal],
    );
  }
  return changes;
}
