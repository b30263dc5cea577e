import type { Output } from '../output/output.ts';
import { printable } from '../output/printable.ts';

/** What systemd's exit codes say of a command that it could not start (systemd.exec(5), "Process Exit Codes"). */
const meanings: Readonly<Record<number, string>> = {
  200: 'its directory cannot be entered',
  203: 'it is not there, or cannot be executed',
  217: 'the user is not known there',
};

/**
 * Says why nothing happened when a command in a container ended with a code by which systemd says that it could not
 * start it. The code is passed on all the same, as it may be the command's own.
 */
export function noteUnstarted(output: Pick<Output, 'note'>, code: number, command: string): void {
  const meaning = meanings[code];
  if (meaning === undefined) return;
  output.note(`note: exit code ${code} of '${printable(command)}': systemd ends so when ${meaning}`);
}
