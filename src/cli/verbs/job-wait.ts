import { z } from 'zod';
import { fromErrorRecord } from '../../base/errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { errorText } from '../output/error-text.ts';
import { parseOptions } from '../parse/options.ts';
import { findJob } from '../run/find-job.ts';
import { withTimeLimit } from '../run/time-limit.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({ timeout: z.string().optional() });

/** `job wait`: waits for jobs; exit 0 only if all succeeded. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { timeout } = parseOptions(schema, options);
  const { output, interrupt } = session;
  const client = await session.client();
  const ids: string[] = [];
  for (const operand of operands) ids.push(await findJob(session, operand));
  const code = await withTimeLimit(timeout, interrupt.signal, async (signal) => {
    const ends = await Promise.all(
      ids.map(async (id) => {
        const record = await client.wait(id, { signal });
        output.result(`${id} ${record.state}`);
        if (record.error !== undefined) {
          output.note(`error: ${record.subject}: ${errorText(fromErrorRecord(record.error))}`);
        }
        return record.state === 'succeeded';
      }),
    );
    return ends.every(Boolean) ? 0 : 1;
  });
  if (code === exitCodes.timeout.code) output.note(`not all ended within ${timeout}; the jobs go on`);
  return code;
};
