import { SdmeError } from '../base/errors.ts';
import { quoteWord } from './quote.ts';

/** Where commands without `/` are looked for after the image's own PATH (contract 3.5). */
const usualDirectories = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin'];
/** Most that the kernel takes as one argument (execve(2), MAX_ARG_STRLEN). */
const maxWordBytes = 128 * 1024 - 1;
/** Below the 1 MiB that systemd takes as one line of a unit, with room for what stands before the command. */
const maxQuotedBytes = 1000 * 1024;

/** What the image asks to run. */
export interface CommandSource {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
}

function searchPath(env: CommandSource['env']): string[] {
  const path = env.find(([name]) => name === 'PATH')?.[1] ?? '';
  const own = path
    .split(':')
    .filter((directory) => directory.startsWith('/') && !directory.split('/').includes('..'))
    .map((directory) => directory.replace(/^\/+|\/+$/g, ''));
  return [...new Set([...own, ...usualDirectories])];
}

/**
 * The words the workload is started with. A first word without `/` is looked for along the image's PATH and the
 * usual directories; `isFile` tells whether a path relative to the application's root is a regular file, links
 * followed in that root. A word found nowhere stays as it is: the start then fails and says so.
 *
 * @throws SdmeError `input.invalid` when there is nothing to run, or more than the kernel takes
 */
export function commandWords(source: CommandSource, isFile: (path: string) => boolean): string[] {
  const [first, ...others] = [...source.entrypoint, ...source.cmd];
  if (first === undefined) throw new SdmeError('input.invalid', 'OCI image has no Entrypoint or Cmd');
  if (first === '') throw new SdmeError('input.invalid', 'the first word of the OCI command is empty');
  const tooLong = [first, ...others].some((word) => Buffer.byteLength(word) > maxWordBytes);
  const quoted = [first, ...others].reduce((sum, word) => sum + Buffer.byteLength(quoteWord(word)) + 1, 0);
  if (tooLong || quoted > maxQuotedBytes) {
    throw new SdmeError('input.invalid', 'the OCI command is longer than a process can be given');
  }
  if (first.includes('/')) return [first, ...others];
  const found = searchPath(source.env)
    .map((directory) => (directory === '' ? first : `${directory}/${first}`))
    .find(isFile);
  return [found === undefined ? first : `/${found}`, ...others];
}
