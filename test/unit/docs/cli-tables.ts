import { exitCodes } from '../../../src/cli/exit-codes.ts';
import { verbGroups } from '../../../src/cli/verbs.ts';

/** The rows of the table of a group of verbs in docs/cli.md, by the group's title. */
export function verbRows(): Map<string, string[]> {
  return new Map(
    verbGroups.map(({ title, verbs }) => [
      title,
      verbs.map(({ words, operands, summary }) => {
        const usage = ['sdme', words, ...(operands === undefined ? [] : [operands])].join(' ');
        return `| \`${usage}\` | ${summary} |`;
      }),
    ]),
  );
}

/** The rows of the table of exit codes in docs/cli.md. */
export function exitCodeRows(): string[] {
  return Object.values(exitCodes).map(({ code, meaning }) => `| ${code} | ${meaning} |`);
}
