import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { parseOptions } from '../parse/options.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  failed: z.boolean().default(false),
  cancelled: z.boolean().default(false),
});

/** `batch retry --failed --cancelled`: runs such jobs of a batch again, in the same batch. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { failed, cancelled } = parseOptions(schema, options);
  if (!failed && !cancelled)
    throw new SdmeError(
      'usage',
      'say which jobs to run again: sdme batch retry ID --failed, --cancelled or both',
    );
  const client = await session.client();
  const id = operands[0] ?? '';
  let count = 0;
  if (failed) count += await client.batch.retryFailed(id);
  if (cancelled) count += await client.batch.retryCancelled(id);
  session.output.result(`${count} job(s) submitted again`);
  return 0;
};
