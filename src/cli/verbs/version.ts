import type { VerbRun } from '../verb.ts';
import { versionLine } from '../version.ts';

/** `version`: the same as `--version`. */
export const run: VerbRun = async ({ session }) => {
  session.output.result(versionLine());
  return 0;
};
