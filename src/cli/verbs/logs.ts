import { z } from 'zod';
import { applicationLogs, containerLogs, matchContainer } from '../../nspawn/read-side.ts';
import { applicationOption, parseOptions } from '../parse/options.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({ oci: applicationOption });

/** `logs`: the journal of a container; further arguments are journalctl's (contract 1.6). */
export const run: VerbRun = async ({ operands, command: args, options, session }) => {
  const { oci } = parseOptions(schema, options);
  const [wanted = ''] = operands;
  const layout = await session.layout();
  const container = await matchContainer(layout, wanted);
  if (oci !== undefined) {
    return session.interrupt.leaveTo(() => applicationLogs(layout, container, oci, args));
  }
  return session.interrupt.leaveTo(() => containerLogs(layout, container, args));
};
