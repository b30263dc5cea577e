import { chooseJoinUser, joinContainer } from '../../nspawn/read-side.ts';
import type { Session } from '../session.ts';
import { noteUnstarted } from './unstarted.ts';

/**
 * Opens a shell or runs a command on a terminal of a running container, and says whose it is when that was not asked
 * for (contract 1.6). @returns its exit code
 */
export async function joinOnTerminal(
  session: Session,
  {
    container,
    user,
    command,
  }: {
    readonly container: string;
    readonly user: string | undefined;
    readonly command: readonly string[];
  },
): Promise<number> {
  const { environment, interrupt, output } = session;
  const [layout, settings] = [await session.layout(), await session.settings()];
  const as = await chooseJoinUser(layout, settings, { container, user, environment });
  output.note(`joining '${container}'${as === undefined || as === user ? '' : ` as ${as}`}`);
  // A shell is typed at too; a script on standard input is for one without a terminal of its own.
  const onTerminal = output.resultIsTerminal && (command.length > 0 || output.canAsk);
  const how = { container, user, command, onTerminal, environment };
  const code = await interrupt.leaveTo(() => joinContainer(layout, settings, how));
  noteUnstarted(output, code, command[0] ?? 'the shell');
  return code;
}
