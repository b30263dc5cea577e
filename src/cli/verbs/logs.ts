import { containerLogs, matchContainer } from '../../nspawn/read-side.ts';
import type { VerbRun } from '../verb.ts';

/** `logs`: the journal of a container; further arguments are journalctl's (contract 1.6). */
export const run: VerbRun = async ({ operands, command: args, session }) => {
  const [wanted = ''] = operands;
  const layout = await session.layout();
  const container = await matchContainer(layout, wanted);
  return session.interrupt.leaveTo(() => containerLogs(layout, container, args));
};
