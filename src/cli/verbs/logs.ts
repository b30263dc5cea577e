import { containerLogs, matchContainer } from '../../nspawn/read-side.ts';
import type { VerbRun } from '../verb.ts';

/** `logs`: the journal of a container; further arguments are journalctl's (contract 1.6). */
export const run: VerbRun = async ({ operands, session }) => {
  const [wanted = '', ...args] = operands;
  const layout = await session.layout();
  return containerLogs(layout, await matchContainer(layout, wanted), args);
};
