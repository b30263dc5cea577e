import { z } from 'zod';
import { detachOption, parseOptions } from '../parse/options.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject(detachOption);

/** `fs gc`: removes what interrupted imports left (contract 1.9). */
export const run: VerbRun = async ({ options, session }) => {
  const { detach } = parseOptions(schema, options);
  const result = await runJob(session, 'fs.gc', {}, { detach });
  if (result === undefined) return 0;
  const count = result.removed.length;
  session.output.result(
    count === 0 ? 'no stale transactions found' : `cleaned ${count} stale transaction(s)`,
  );
  return 0;
};
