import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { contracts } from '../../contracts/index.ts';
import { rootfsNames } from '../../rootfs/read-side.ts';
import { detachOption, parseInput, parseOptions } from '../parse/options.ts';
import { confirmRemoval } from '../run/confirm.ts';
import { eachName } from '../run/each-name.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  ...detachOption,
  all: z.boolean().default(false),
  force: z.boolean().default(false),
});

/** `fs rm`: removes root filesystems that no container uses (contract 1.9). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { all, detach, force } = parseOptions(schema, options);
  if (all === operands.length > 0) throw new SdmeError('usage', 'name a rootfs, or use --all');
  const names = all ? await rootfsNames(await session.layout()) : operands;
  if (names.length === 0) session.output.note('no fs entries to remove');
  else if (all && !(await confirmRemoval(session, names, force))) return 1;
  const words = { doing: 'removing', done: 'removed', objects: 'fs entries' };
  return eachName(session, names, words, async (name) => {
    const input = parseInput(contracts['fs.rm'].input, { name });
    return (await runJob(session, 'fs.rm', input, { detach })) !== undefined;
  });
};
