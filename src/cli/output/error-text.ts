import { causeMessages, describeError, toSdmeError } from '../../base/errors.ts';
import { printable } from './printable.ts';

/**
 * An error as a person reads it: its message and causes joined (contract 1.1, "Runtime error"). A message of several
 * lines keeps them, and each but the first is indented, so that no line of a stranger's passes for one of ours.
 */
export function errorText(thrown: unknown): string {
  return describeError(thrown)
    .split('\n')
    .map((line, index) => (index === 0 || /^\s/.test(line) ? printable(line) : `  ${printable(line)}`))
    .join('\n');
}

/** Where an error and its causes came from, for `-v`; empty when nothing is known beyond its text. */
export function errorTrace(thrown: unknown): string {
  const traces: string[] = [];
  let error = thrown;
  // As many as are described: a circle of causes ends.
  for (let left = causeMessages(toSdmeError(thrown)).length; error instanceof Error && left >= 0; left -= 1) {
    traces.push(error.stack ?? error.message);
    error = error.cause;
  }
  return traces.join('\ncaused by ').split('\n').map(printable).join('\n');
}
