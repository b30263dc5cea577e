import { z } from 'zod';
import { importInput, importOptions } from '../parse/import-options.ts';
import { detachOption, parseOptions } from '../parse/options.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({ ...detachOption, ...importOptions, name: z.string().optional() });

/** `fs import`: makes a rootfs of an image, a tarball, a directory or a URL (contract 1.9, 6). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { detach, name, ...how } = parseOptions(schema, options);
  const input = importInput(operands[0] ?? '', name, how, process.cwd());
  session.output.note(`importing '${input.name}'`);
  const result = await runJob(session, 'fs.import', input, { detach });
  if (result !== undefined) session.output.result(result.name);
  return 0;
};
