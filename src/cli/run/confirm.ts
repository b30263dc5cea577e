import { SdmeError } from '../../base/errors.ts';
import type { Session } from '../session.ts';

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
  const answer = await session.output.ask('are you sure? [y/N] ', session.interrupt.signal);
  if (/^y(es)?$/i.test(answer.trim())) return true;
  session.output.note('aborted');
  return false;
}
