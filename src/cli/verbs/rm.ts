import { z } from 'zod';
import { contracts } from '../../contracts/index.ts';
import { detachOption, parseInput, parseOptions } from '../parse/options.ts';
import { chooseContainers } from '../run/choose-containers.ts';
import { confirmRemoval } from '../run/confirm.ts';
import { eachName } from '../run/each-name.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  ...detachOption,
  all: z.boolean().default(false),
  force: z.boolean().default(false),
});

/** `rm`: stops and removes containers; the data of their volumes stays (contract 1.5). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { all, detach, force } = parseOptions(schema, options);
  const targets = await chooseContainers(session, operands, { wanted: all });
  if (targets.length === 0) session.output.note('no containers to remove');
  else if (
    all &&
    !(await confirmRemoval(
      session,
      targets.filter((target) => typeof target === 'string'),
      force,
    ))
  )
    return 1;
  return eachName(session, targets, { doing: 'removing', done: 'removed' }, async (name) => {
    const input = parseInput(contracts['container.rm'].input, { name });
    return (await runJob(session, 'container.rm', input, { detach })) !== undefined;
  });
};
