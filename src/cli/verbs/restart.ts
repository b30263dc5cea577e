import { z } from 'zod';
import { contracts } from '../../contracts/index.ts';
import { requireSystemd } from '../../nspawn/read-side.ts';
import { defined, detachOption, parseInput, parseOptions } from '../parse/options.ts';
import { stopModeOf, stopOptions } from '../parse/stop-options.ts';
import { chooseContainers } from '../run/choose-containers.ts';
import { eachName } from '../run/each-name.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  ...detachOption,
  ...stopOptions,
  all: z.boolean().default(false),
  timeout: z.coerce.number({ error: '--timeout takes seconds' }).positive().optional(),
});

/** `restart`: stops and starts containers (contract 1.5). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { all, detach, timeout, ...how } = parseOptions(schema, options);
  const mode = stopModeOf(how);
  const targets = await chooseContainers(session, operands, { wanted: all, statuses: ['running'] });
  if (targets.length === 0) session.output.note('no running containers to restart');
  else await requireSystemd();
  return eachName(session, targets, { doing: 'restarting', done: 'restarted' }, async (name) => {
    const input = parseInput(contracts['container.restart'].input, { name, mode, ...defined({ timeout }) });
    return (await runJob(session, 'container.restart', input, { detach })) !== undefined;
  });
};
