import { chooseJoinUser, joinContainer } from '../../nspawn/read-side.ts';
import type { Session } from '../session.ts';

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
  const how = { container, user, command, onTerminal: output.resultIsTerminal, environment };
  return interrupt.leaveTo(() => joinContainer(layout, settings, how));
}
