import { z } from 'zod';
import { fromErrorRecord } from '../../base/errors.ts';
import { detachOption, parseOptions } from '../parse/options.ts';
import { findJob } from '../run/find-job.ts';
import { followJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject(detachOption);

/** `job retry`: submits an ended job's input again, as a new job. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { detach } = parseOptions(schema, options);
  const client = await session.client();
  const { id } = await client.retry(await findJob(session, operands[0] ?? ''));
  if (detach) {
    session.output.result(id);
    return 0;
  }
  const record = await followJob(session, id);
  if (record.error !== undefined) throw fromErrorRecord(record.error);
  session.output.result(`${id} ${record.state}`);
  return 0;
};
