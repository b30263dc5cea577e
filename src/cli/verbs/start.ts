import { z } from 'zod';
import { contracts } from '../../contracts/index.ts';
import { requireSystemd } from '../../nspawn/read-side.ts';
import { defined, detachOption, parseInput, parseOptions } from '../parse/options.ts';
import { chooseContainers } from '../run/choose-containers.ts';
import { eachName } from '../run/each-name.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  ...detachOption,
  all: z.boolean().default(false),
  timeout: z.coerce.number({ error: '--timeout takes seconds' }).positive().optional(),
});

/** `start`: boots containers and waits until they are up (contract 1.5). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { all, detach, timeout } = parseOptions(schema, options);
  const targets = await chooseContainers(session, operands, { wanted: all, statuses: ['stopped'] });
  if (targets.length === 0) session.output.note('no stopped containers to start');
  else await requireSystemd();
  return eachName(session, targets, { doing: 'starting', done: 'started' }, async (name) => {
    const input = parseInput(contracts['container.start'].input, { name, ...defined({ timeout }) });
    return (await runJob(session, 'container.start', input, { detach })) !== undefined;
  });
};
