import { SdmeError } from '../../base/errors.ts';
import { errorText } from '../output/error-text.ts';
import type { Session } from '../session.ts';

/** What a person typed as a name of something, and why it is none. */
export interface NoName {
  readonly typed: string;
  readonly problem: unknown;
}

/**
 * Does the same for several objects (contract 1.1, "Batch verbs"): says `<doing> 'n'` before each, prints the
 * name after, reports a failure and goes on. An interrupt leaves the remaining ones untouched.
 *
 * @param act returns false when the job was only submitted, so that its id was printed instead of the name
 * @returns 0, or 1 after saying `some … could not be …`
 */
export async function eachName(
  session: Session,
  targets: readonly (string | NoName)[],
  words: { readonly doing: string; readonly done: string; readonly objects?: string },
  act: (name: string) => Promise<boolean>,
): Promise<number> {
  const { output, interrupt } = session;
  let failed = false;
  const report = (what: string, problem: unknown): void => {
    failed = true;
    output.note(`error: ${what}: ${errorText(problem)}`);
  };
  for (const target of targets) {
    interrupt.signal.throwIfAborted();
    if (typeof target !== 'string') {
      report(target.typed, target.problem);
      continue;
    }
    output.note(`${words.doing} '${target}'`);
    try {
      if (await act(target)) output.result(target);
    } catch (error) {
      if (interrupt.signal.aborted) throw error;
      report(target, error);
    }
  }
  if (!failed) return 0;
  throw new SdmeError('state.conflict', `some ${words.objects ?? 'containers'} could not be ${words.done}`);
}
