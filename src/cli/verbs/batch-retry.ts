import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { parseOptions } from '../parse/options.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({ failed: z.boolean().default(false) });

/** `batch retry --failed`: runs the failed jobs of a batch again, in the same batch. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { failed } = parseOptions(schema, options);
  if (!failed) throw new SdmeError('usage', 'say which jobs to run again: sdme batch retry ID --failed');
  const client = await session.client();
  const count = await client.batch.retryFailed(operands[0] ?? '');
  session.output.result(`${count} job(s) submitted again`);
  return 0;
};
