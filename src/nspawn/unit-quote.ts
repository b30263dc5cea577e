import { SdmeError } from '../base/errors.ts';
import { hasNoncharacter } from '../base/noncharacters.ts';

/**
 * A value as a setting of a unit file takes it: `%` begins a specifier there, so it is doubled
 * (systemd.unit(5), "Specifiers"). @throws SdmeError `input.invalid` for a line break
 * or a noncharacter
 */
export function escapeSpecifiers(value: string): string {
  if (/[\0\r\n]/.test(value)) {
    throw new SdmeError(
      'input.invalid',
      `a line break cannot stand in a unit file: ${JSON.stringify(value.slice(0, 160))}`,
    );
  }
  if (hasNoncharacter(value)) {
    throw new SdmeError(
      'input.invalid',
      `a code point that is no character cannot stand in a unit file: ${JSON.stringify(value.slice(0, 160))}`,
    );
  }
  return value.replaceAll('%', '%%');
}

/**
 * One argument of an `Exec…=` line, so that systemd reads back exactly `value`: specifiers and variables are
 * escaped, and what would be split or unquoted is quoted (systemd.service(5), "Command lines";
 * systemd.syntax(7), "Quoting").
 */
export function quoteArgument(value: string): string {
  const escaped = escapeSpecifiers(value).replaceAll('$', '$$$$');
  if (escaped !== '' && escaped !== ';' && !/[ \t"'\\]/.test(escaped)) return escaped;
  return `"${escaped.replace(/["\\]/g, '\\$&')}"`;
}

/** A command line for `ExecStart=` and its kin. `program` is an absolute path. */
export function quoteCommand(program: string, args: readonly string[]): string {
  return [program, ...args].map(quoteArgument).join(' ');
}
