import { z } from 'zod';
import { contracts } from '../../contracts/index.ts';
import { detachOption, parseInput, parseOptions } from '../parse/options.ts';
import type { Invocation } from '../verb.ts';
import { chooseContainers } from './choose-containers.ts';
import { eachName } from './each-name.ts';
import { runJob } from './run-job.ts';

const schema = z.strictObject({ ...detachOption });

/** What `enable` and `disable` share. */
export async function switchBootStart(
  { operands, options, session }: Invocation,
  kind: 'container.enable' | 'container.disable',
  words: { readonly doing: string; readonly done: string },
): Promise<number> {
  const { detach } = parseOptions(schema, options);
  const targets = await chooseContainers(session, operands, { wanted: false });
  return eachName(session, targets, words, async (name) => {
    const input = parseInput(contracts[kind].input, { name });
    return (await runJob(session, kind, input, { detach })) !== undefined;
  });
}
