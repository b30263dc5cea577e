import { Option } from 'commander';
import { SdmeError } from '../../base/errors.ts';
import type { OptionSpec } from '../verb.ts';

/** A verb's own flags that stood before a command, and the words of that command. */
export interface OwnFlags {
  readonly options: Readonly<Record<string, unknown>>;
  readonly command: readonly string[];
}

/** The flag a word is, and its value where the word holds one: `--user=root`. */
function flagIn(
  word: string,
  flags: readonly Option[],
  named: readonly string[],
): { option: Option; value?: string } | undefined {
  const whole = flags.find(({ long, short }) => word === long || word === short);
  if (whole !== undefined) return { option: whole };
  const equals = word.indexOf('=');
  if (equals < 0) return undefined;
  const option = flags.find(({ long }) => word.slice(0, equals) === long);
  const takesValue = option !== undefined && (option.required || named.includes(option.flags));
  return takesValue ? { option, value: word.slice(equals + 1) } : undefined;
}

/**
 * The value of a flag that may stand alone. A word behind it is its value only when `--` follows, so that
 * `exec web --oci ls` runs `ls`, and `exec web --oci app -- ls` names the application (contract 1.6).
 */
function optionalValue(value: string | undefined, rest: string[]): string | true {
  if (value !== undefined) return value;
  return rest[1] === '--' && rest[0] !== '--' ? (rest.shift() ?? true) : true;
}

/**
 * Takes a verb's own flags from the beginning of what was typed behind a name. The first word that is none of them
 * begins the command, and so does what stands behind `--`: `exec web --user nobody -- id -u`.
 *
 * @throws SdmeError `usage` for a flag without its value
 */
export function takeOwnFlags(words: readonly string[], specs: readonly OptionSpec[]): OwnFlags {
  const flags = specs.map((spec) => new Option(spec.flags));
  const named = specs.filter(({ mayName }) => mayName === true).map((spec) => spec.flags);
  const options: Record<string, unknown> = {};
  const rest = [...words];
  for (
    let found = flagIn(rest[0] ?? '', flags, named);
    found !== undefined;
    found = flagIn(rest[0] ?? '', flags, named)
  ) {
    rest.shift();
    const { option } = found;
    if (named.includes(option.flags)) {
      options[option.attributeName()] = optionalValue(found.value, rest);
      continue;
    }
    if (!option.required) {
      options[option.attributeName()] = true;
      continue;
    }
    const value = found.value ?? rest.shift();
    if (value === undefined) throw new SdmeError('usage', `option '${option.flags}' argument missing`);
    options[option.attributeName()] = value;
  }
  return { options, command: rest[0] === '--' ? rest.slice(1) : rest };
}
