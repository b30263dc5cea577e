import { z } from 'zod';
import { contracts } from '../../contracts/index.ts';
import { detachOption, parseInput, parseOptions } from '../parse/options.ts';
import { stopModeOf, stopOptions } from '../parse/stop-options.ts';
import { chooseContainers } from '../run/choose-containers.ts';
import { eachName } from '../run/each-name.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({ ...detachOption, ...stopOptions, all: z.boolean().default(false) });

/** `stop`: shuts containers down (contract 1.5). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { all, detach, ...how } = parseOptions(schema, options);
  const mode = stopModeOf(how);
  const statuses = ['running', 'starting', 'stopping'] as const;
  const targets = await chooseContainers(session, operands, { wanted: all, statuses });
  if (targets.length === 0) session.output.note('no running containers to stop');
  return eachName(session, targets, { doing: 'stopping', done: 'stopped' }, async (name) => {
    const input = parseInput(contracts['container.stop'].input, { name, mode });
    return (await runJob(session, 'container.stop', input, { detach })) !== undefined;
  });
};
