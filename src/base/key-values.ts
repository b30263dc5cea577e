import { SdmeError } from './errors.ts';

/** `KEY=VALUE` lines, sorted by key, as state and meta files have them (contract 2.1). Values are single-line. */
export function formatKeyValues(values: ReadonlyMap<string, string>): string {
  const lines = [...values.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, value] of lines) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(key))
      throw new SdmeError('internal', `not a state key: ${JSON.stringify(key)}`);
    if (/[\n\r\0]/.test(value))
      throw new SdmeError('input.invalid', `the value of ${key} must be on a single line`);
  }
  return lines.map(([key, value]) => `${key}=${value}\n`).join('');
}

/** The map of a `KEY=VALUE` text; blank lines are passed over. @throws SdmeError `input.invalid` with the line number */
export function parseKeyValues(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const equals = line.indexOf('=');
    if (equals < 1) throw new SdmeError('input.invalid', `line ${index + 1} is not KEY=VALUE`);
    values.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return values;
}
