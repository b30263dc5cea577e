import { SdmeError } from '../../base/errors.ts';
import { errorText } from '../output/error-text.ts';
import type { Session } from '../session.ts';

/**
 * Does the same for several objects (contract 1.1, "Batch verbs"): says `<doing> 'n'` before each, prints the
 * name after, reports a failure and goes on. An interrupt leaves the remaining ones untouched.
 *
 * @param act returns false when the job was only submitted, so that its id was printed instead of the name
 * @returns 0, or 1 after saying `some … could not be …`
 */
export async function eachName(
  session: Session,
  names: readonly string[],
  words: { readonly doing: string; readonly done: string; readonly objects?: string },
  act: (name: string) => Promise<boolean>,
): Promise<number> {
  const { output, interrupt } = session;
  let failed = false;
  for (const name of names) {
    interrupt.signal.throwIfAborted();
    output.note(`${words.doing} '${name}'`);
    try {
      if (await act(name)) output.result(name);
    } catch (error) {
      if (interrupt.signal.aborted) throw error;
      failed = true;
      output.note(`error: ${name}: ${errorText(error)}`);
    }
  }
  if (!failed) return 0;
  throw new SdmeError('state.conflict', `some ${words.objects ?? 'containers'} could not be ${words.done}`);
}
