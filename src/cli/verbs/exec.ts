import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { execIn, execInApplication, matchContainer } from '../../nspawn/read-side.ts';
import { applicationOption, parseOptions, refuseUserOfApplication } from '../parse/options.ts';
import { noteUnstarted } from '../run/unstarted.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  user: z.string().min(1).optional(),
  oci: applicationOption,
});

/** `exec`: a command in a running container, with our standard streams and its exit code (contract 1.6). */
export const run: VerbRun = async ({ operands, command, options, session }) => {
  const { user, oci } = parseOptions(schema, options);
  refuseUserOfApplication({ user, oci });
  const [wanted = ''] = operands;
  if (command.length === 0)
    throw new SdmeError('usage', 'name a command to run, for example: sdme exec web -- ls /');
  const layout = await session.layout();
  const container = await matchContainer(layout, wanted);
  if (oci !== undefined) {
    const how = { container, application: oci, command, onTerminal: false };
    return session.interrupt.leaveTo(() => execInApplication(layout, how));
  }
  const code = await session.interrupt.leaveTo(() => execIn(layout, { container, user, command }));
  noteUnstarted(session.output, code, command[0] ?? '');
  return code;
};
