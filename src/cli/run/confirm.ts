import { SdmeError } from '../../base/errors.ts';
import type { Session } from '../session.ts';

/** Whether the person at the terminal answers yes. Ask only where `isInteractive` says that there is one. */
export async function askYesNo(session: Session, question: string): Promise<boolean> {
  const answer = await session.output.ask(question, session.interrupt.signal);
  return /^y(es)?$/i.test(answer.trim());
}

/**
 * Asks before many things are removed; `force` skips the question (contract 1.5, `rm`).
 * @returns whether to go on @throws SdmeError `interactive.required` when nobody can be asked
 */
export async function confirmRemoval(
  session: Session,
  names: readonly string[],
  force: boolean,
): Promise<boolean> {
  if (force) return true;
  if (!(await session.isInteractive())) {
    throw new SdmeError('interactive.required', 'use -f to confirm removal in non-interactive mode');
  }
  session.output.note(`this removes: ${names.join(', ')}`);
  if (await askYesNo(session, 'are you sure? [y/N] ')) return true;
  session.output.note('aborted');
  return false;
}
