import { SdmeError } from '../../base/errors.ts';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { VerbRun } from '../verb.ts';

const shells: Readonly<Record<string, () => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** `config completions`: the completion script of a shell. */
export const run: VerbRun = async ({ operands, session }) => {
  const shell = operands[0] ?? '';
  const script = Object.hasOwn(shells, shell) ? shells[shell]?.() : undefined;
  if (script === undefined) {
    throw new SdmeError('usage', `no completion for ${JSON.stringify(shell)}; use bash, zsh or fish`);
  }
  session.output.result(script.trimEnd());
  return 0;
};
