import { z } from 'zod';
import { formatSize } from '../../base/sizes.ts';
import { detachOption, parseOptions } from '../parse/options.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({ ...detachOption, all: z.boolean().default(false) });

/** `fs cache clean`: removes blobs from the cache (contract 1.9). */
export const run: VerbRun = async ({ options, session }) => {
  const { detach, all } = parseOptions(schema, options);
  const result = await runJob(session, 'fs.cache.clean', { all }, { detach });
  if (result !== undefined) {
    session.output.result(result.blobs === 0 ? 'nothing to clean' : `freed ${formatSize(result.freedBytes)}`);
  }
  return 0;
};
