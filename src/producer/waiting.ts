import { SdmeError } from '../base/errors.ts';
import { isEndState, type JobEvent, type JobRecord, type LogLine } from '../contracts/index.ts';
import { channels } from '../queue/keys.ts';
import { parseState } from '../queue/states.ts';
import type { HostOf, OpenQueue, Session } from './session.ts';
import { openTurns } from './turns.ts';

/** The error for an id that leads to no job. */
export function jobNotFound(id: string): SdmeError {
  return new SdmeError('not-found', `job not found: ${id}`, { facts: { id } });
}

/** A job's record. @throws SdmeError `not-found` */
export async function readJob(queue: OpenQueue, id: string): Promise<JobRecord> {
  const record = await queue.records.read(id);
  if (record === undefined) throw jobNotFound(id);
  return record;
}

/** The record once the job has ended. @throws SdmeError `not-found`, `worker.unavailable`; the signal's reason */
export async function waitForJob(session: Session, id: string, signal: AbortSignal): Promise<JobRecord> {
  await using turns = await openTurns(session, channels.job(id), signal, 0, hostOfJob(id));
  for (;;) {
    const record = await session.patiently(signal, (queue) => readIfEnded(queue, id));
    if (record !== undefined) return record;
    await turns.next();
  }
}

function hostOfJob(id: string): HostOf {
  return async (queue) => (await queue.records.read(id))?.host;
}

async function readIfEnded(queue: OpenQueue, id: string): Promise<JobRecord | undefined> {
  const seen = await queue.records.glance(id);
  if (seen === undefined) throw jobNotFound(id);
  const state = parseState(seen.state);
  // A job whose state cannot be read has come to its end too: its record says so.
  return state === undefined || isEndState(state) ? readJob(queue, id) : undefined;
}

/** Least time between two looks of a watcher, in milliseconds; a person sees no more. */
const watchPaceMs = 50;

/** The record and its changes, the log's lines from `offset` on, and the end. */
export async function* watchJob(
  session: Session,
  id: string,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<JobEvent, void, undefined> {
  await using turns = await openTurns(session, channels.job(id), signal, watchPaceMs, hostOfJob(id));
  let offset = from;
  let revision = -1;
  for (;;) {
    const record = await session.patiently(signal, (queue) => readJob(queue, id));
    if (record.revision !== revision) {
      revision = record.revision;
      yield { type: 'record', record };
    }
    // Read after the record: the worker writes a job's last lines before its end.
    for await (const line of readLines(session, id, offset, signal)) {
      offset = line.offset + 1;
      yield { type: 'log', line };
    }
    if (isEndState(record.state)) {
      yield { type: 'end', record };
      return;
    }
    await turns.next();
  }
}

/** Log lines from `from` on; with `follow` until the job has ended. */
export async function* jobLog(
  session: Session,
  id: string,
  from: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  if (!follow) {
    yield* readLines(session, id, from, signal);
    return;
  }
  for await (const event of watchJob(session, id, from, signal)) {
    if (event.type === 'log') yield event.line;
  }
}

/** The lines that are there now, page by page, so that a long log does not fill the memory. */
async function* readLines(
  session: Session,
  id: string,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  let offset = from;
  for (;;) {
    const slice = await session.patiently(signal, (queue) => queue.records.log(id, offset));
    if (slice === undefined) throw jobNotFound(id);
    yield* slice.lines;
    offset = slice.next;
    if (slice.lines.length === 0 || offset >= slice.written) return;
  }
}
