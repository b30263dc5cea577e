import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { contracts } from '../../contracts/index.ts';
import { execInApplication, isRunning, matchContainer } from '../../nspawn/read-side.ts';
import {
  applicationOption,
  defined,
  parseInput,
  parseOptions,
  refuseUserOfApplication,
} from '../parse/options.ts';
import { askYesNo } from '../run/confirm.ts';
import { joinOnTerminal } from '../run/join-terminal.ts';
import { runJob } from '../run/run-job.ts';
import type { Session } from '../session.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  user: z.string().min(1).optional(),
  oci: applicationOption,
  start: z.boolean().default(false),
  timeout: z.coerce.number({ error: '--timeout takes seconds' }).positive().optional(),
});

async function wantsStart(session: Session, name: string): Promise<boolean> {
  if (!(await session.isInteractive())) return false;
  return askYesNo(session, `container '${name}' is not running; start it? [y/N] `);
}

/** `join`: a shell or command on a terminal of a container (contract 1.6). */
export const run: VerbRun = async ({ operands, command, options, session }) => {
  const { user, oci, start, timeout } = parseOptions(schema, options);
  refuseUserOfApplication({ user, oci });
  const [wanted = ''] = operands;
  const layout = await session.layout();
  const container = await matchContainer(layout, wanted);
  if (!(await isRunning(layout, container))) {
    if (!start && !(await wantsStart(session, container))) {
      throw new SdmeError(
        'state.conflict',
        `container '${container}' is not running (use --start to start it)`,
      );
    }
    session.output.note(`starting '${container}'`);
    const input = parseInput(contracts['container.start'].input, {
      name: container,
      ...defined({ timeout }),
    });
    await runJob(session, 'container.start', input);
  }
  if (oci !== undefined) {
    session.output.note(`joining '${container}'`);
    const how = { container, application: oci, command, onTerminal: session.output.resultIsTerminal };
    return session.interrupt.leaveTo(() => execInApplication(layout, how));
  }
  return joinOnTerminal(session, { container, user, command });
};
