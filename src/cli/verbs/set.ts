import { z } from 'zod';
import { contracts } from '../../contracts/index.ts';
import { matchContainer } from '../../nspawn/read-side.ts';
import { defined, detachOption, parseInput, parseOptions } from '../parse/options.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const text = z.string().optional();
const schema = z.strictObject({ ...detachOption, memory: text, cpus: text, cpuWeight: text, disk: text });

/** `set`: replaces the whole set of a container's limits (contract 1.5). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { detach, ...limits } = parseOptions(schema, options);
  const name = await matchContainer(await session.layout(), operands[0] ?? '');
  const input = parseInput(contracts['container.set'].input, { name, ...defined(limits) });
  const result = await runJob(session, 'container.set', input, { detach });
  if (result !== undefined) session.output.result(result.name);
  return 0;
};
