import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { containerOptions } from '../parse/container-options.ts';
import { detachOption, parseOptions } from '../parse/options.ts';
import { createInput } from '../run/create.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  ...containerOptions,
  ...detachOption,
  started: z.boolean().default(false),
  timeout: z.coerce.number({ error: '--timeout takes seconds' }).positive().optional(),
});

/** `create`: makes a container (contract 1.4). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { detach, started, timeout, ...container } = parseOptions(schema, options);
  if (timeout !== undefined && !started) throw new SdmeError('usage', '--timeout requires --started');
  const input = await createInput(session, operands[0], container, { started, timeout });
  session.output.note(`creating '${input.name}'`);
  const result = await runJob(session, 'container.create', input, { detach });
  if (result !== undefined) session.output.result(result.name);
  return 0;
};
