import { z } from 'zod';
import { contracts } from '../../contracts/index.ts';
import { joinContainer } from '../../nspawn/read-side.ts';
import { containerOptions } from '../parse/container-options.ts';
import { parseOptions } from '../parse/options.ts';
import { createInput } from '../run/create.ts';
import { runJob } from '../run/run-job.ts';
import type { Session } from '../session.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  ...containerOptions,
  timeout: z.coerce.number({ error: '--timeout takes seconds' }).positive().optional(),
  user: z.string().optional(),
});

async function remove(session: Session, name: string): Promise<void> {
  await runJob(session, 'container.rm', contracts['container.rm'].input.parse({ name }));
}

/** `new`: create, start, and a shell or command in it; a failing command takes the container away (contract 1.4). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { timeout, user, ...container } = parseOptions(schema, options);
  const input = await createInput(session, undefined, container, { started: true, timeout });
  const { name } = input;
  const { output } = session;
  output.note(`creating '${name}'`);
  await runJob(session, 'container.create', input);
  output.note(`joining '${name}'`);
  let code: number;
  try {
    code = await joinContainer(await session.layout(), await session.settings(), {
      container: name,
      user,
      command: operands,
      onTerminal: output.resultIsTerminal,
      environment: session.environment,
    });
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
