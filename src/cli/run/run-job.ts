import { fromErrorRecord, SdmeError } from '../../base/errors.ts';
import {
  type ArgumentsOf,
  contracts,
  type JobKind,
  type JobRecord,
  type ResultOf,
} from '../../contracts/index.ts';
import { errorText } from '../output/error-text.ts';
import { renderJob } from '../output/job-renderer.ts';
import type { Session } from '../session.ts';

/**
 * Follows a job to its end and shows its progress. An interrupt cancels the job and goes on following, so that
 * "cancelled" is said only when nothing of it is left. @param kept the job goes on in spite of an interrupt
 */
export async function followJob(session: Session, id: string, kept = false): Promise<JobRecord> {
  const { output, interrupt } = session;
  const client = await session.client();
  using renderer = renderJob(output, session.verbose);
  interrupt.onSecond(() =>
    output.note(`not waiting any longer; job ${id} ${kept ? 'goes on' : 'is being cancelled'}`),
  );
  let cancelling: Promise<unknown> | undefined;
  const cancel = (): void => {
    renderer.note(`cancelling job ${id}`);
    cancelling = client.cancel(id).catch((error: unknown) => {
      renderer.note(`could not cancel job ${id}: ${errorText(error)}`);
    });
  };
  if (kept) {
    // Nothing to be done: the person who wants to end waits for this to end.
  } else if (interrupt.signal.aborted) cancel();
  else interrupt.signal.addEventListener('abort', cancel, { once: true });
  try {
    let record: JobRecord | undefined;
    for await (const event of client.watch(id)) {
      switch (event.type) {
        case 'log':
          renderer.log(event.line);
          break;
        case 'record':
          renderer.record(event.record);
          break;
        case 'end':
          record = event.record;
          break;
        default:
          event satisfies never;
      }
    }
    await cancelling;
    if (record === undefined) throw new SdmeError('internal', `the end of job ${id} was not seen`);
    return record;
  } finally {
    interrupt.signal.removeEventListener('abort', cancel);
  }
}

/** The result of an ended job. @throws SdmeError its own error when it did not succeed */
export function resultOf<Kind extends JobKind>(kind: Kind, record: JobRecord): ResultOf<Kind> {
  if (record.state === 'cancelled') {
    throw new SdmeError('job.cancelled', `job ${record.id} was cancelled on request`);
  }
  if (record.state !== 'succeeded') {
    if (record.error !== undefined) throw fromErrorRecord(record.error);
    throw new SdmeError('internal', `job ${record.id} ended as ${record.state} without an error`);
  }
  // The map's schemas have just this type; TypeScript cannot follow the index through the union.
  return contracts[kind].result.parse(record.result) as ResultOf<Kind>;
}

/**
 * Submits a job. With `detach` prints its id and returns undefined; else waits for it, showing progress, and
 * returns its result. With `kept` an interrupt neither stops nor cancels it: what undoes things runs to its end.
 * @throws SdmeError the job's own error
 */
export async function runJob<Kind extends JobKind>(
  session: Session,
  kind: Kind,
  input: ArgumentsOf<Kind>,
  options: { readonly detach?: boolean | undefined; readonly kept?: boolean } = {},
): Promise<ResultOf<Kind> | undefined> {
  if (options.kept !== true) session.interrupt.signal.throwIfAborted();
  const client = await session.client();
  const { id } = await client.submit(kind, input);
  if (options.detach === true) {
    session.output.result(id);
    return undefined;
  }
  return resultOf(kind, await followJob(session, id, options.kept));
}
