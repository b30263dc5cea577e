import { fromErrorRecord } from '../../base/errors.ts';
import type { JobRecord } from '../../contracts/index.ts';
import { errorText } from '../output/error-text.ts';
import { renderJob } from '../output/job-renderer.ts';
import { findJob } from '../run/find-job.ts';
import type { Session } from '../session.ts';
import type { VerbRun } from '../verb.ts';

/** Shows a job until it ends; the last record. Watching only looks on: an interrupt leaves the job alone. */
async function watch(session: Session, id: string): Promise<JobRecord | undefined> {
  using renderer = renderJob(session.output, session.verbose);
  const client = await session.client();
  for await (const event of client.watch(id, { signal: session.interrupt.signal })) {
    if (event.type === 'log') renderer.log(event.line);
    else if (event.type === 'record') renderer.record(event.record);
    else return event.record;
  }
  return undefined;
}

/** `job watch`: a job's progress until it ends; exit 0 if it succeeded. */
export const run: VerbRun = async ({ operands, session }) => {
  const id = await findJob(session, operands[0] ?? '');
  const record = await watch(session, id);
  if (record === undefined) return 1;
  session.output.result(`${id} ${record.state}`);
  if (record.error !== undefined) session.output.note(`error: ${errorText(fromErrorRecord(record.error))}`);
  return record.state === 'succeeded' ? 0 : 1;
};
