import { z } from 'zod';
import { exitCodes } from '../exit-codes.ts';
import { batchExitCode, batchLines } from '../output/batch-lines.ts';
import { printListing } from '../output/listing.ts';
import { listingOptions, parseOptions } from '../parse/options.ts';
import { withTimeLimit } from '../run/time-limit.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({ ...listingOptions, timeout: z.string().optional() });

/** `batch wait`: waits for all jobs; the exit code tells whether all, some or none succeeded. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { timeout, ...format } = parseOptions(schema, options);
  const client = await session.client();
  const code = await withTimeLimit(timeout, session.interrupt.signal, async (signal) => {
    const status = await client.batch.wait(operands[0] ?? '', { signal });
    await printListing(session, format, status, () => batchLines(status));
    return batchExitCode(status);
  });
  if (code === exitCodes.timeout.code) session.output.note(`not all ended within ${timeout}; the jobs go on`);
  return code;
};
