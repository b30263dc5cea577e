import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { contracts } from '../../contracts/index.ts';
import { containerOptions } from '../parse/container-options.ts';
import { parseOptions } from '../parse/options.ts';
import { createInput } from '../run/create.ts';
import { hostRootNotes } from '../run/host-root-notes.ts';
import { joinOnTerminal } from '../run/join-terminal.ts';
import { runJob } from '../run/run-job.ts';
import type { Session } from '../session.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  ...containerOptions,
  timeout: z.coerce.number({ error: '--timeout takes seconds' }).positive().optional(),
  user: z.string().optional(),
});

async function remove(session: Session, name: string): Promise<void> {
  await runJob(session, 'container.rm', contracts['container.rm'].input.parse({ name }), { kept: true });
}

/** `new`: create, start, and a shell or command in it; a failing command takes the container away (contract 1.4). */
export const run: VerbRun = async ({ operands, command, options, session }) => {
  const { timeout, user, ...container } = parseOptions(schema, options);
  if (operands.length > 1)
    throw new SdmeError('usage', 'put `--` before the command: sdme new -r debian -- COMMAND');
  const input = await createInput(session, operands[0], container, { started: true, timeout });
  const { name } = input;
  const { output, interrupt } = session;
  for (const note of hostRootNotes(input)) output.note(note);
  output.note(`creating '${name}'`);
  await runJob(session, 'container.create', input);
  let code: number;
  try {
    // A cancel that came when the container was made already: nobody is to join it any more.
    interrupt.signal.throwIfAborted();
    code = await joinOnTerminal(session, { container: name, user, command });
  } catch (error) {
    output.note(`join failed, removing '${name}'`);
    await remove(session, name);
    throw error;
  }
  if (code !== 0) {
    output.note(`join failed (exit code ${code}), removing '${name}'`);
    await remove(session, name);
  }
  return code;
};
