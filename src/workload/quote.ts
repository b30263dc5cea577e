/** C1 controls are two bytes in UTF-8 and mean nothing to systemd; an escape would be one byte. */
function escapeControl(char: string): string {
  const code = char.charCodeAt(0);
  return code > 0x7f ? char : `\\x${code.toString(16).padStart(2, '0')}`;
}

/**
 * One word of `ExecStart=` such that systemd hands exactly `word` to the program (systemd.service(5), "Command
 * lines"; systemd.syntax(7), "Quoting"). Words of safe characters stay bare, all others stand in single quotes,
 * where systemd reads C escapes; `%` (specifiers) and `$` (variables) act inside quotes too and are doubled.
 * Control characters are written as escapes, so that a word never ends its line. Noncharacters cannot stand in a unit in
 * any way: as escapes of their bytes systemd takes them, but then answers no question about the unit any more.
 */
export function quoteWord(word: string): string {
  if (/^[A-Za-z0-9_./:=@-]+$/.test(word)) return word;
  const escaped = word
    .replace(/[\\']/g, '\\$&')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')
    .replace(/\p{Cc}/gu, escapeControl);
  return `'${escaped}'`;
}

/**
 * Text for the value of a setting or a comment: control characters and noncharacters become spaces, specifiers are escaped. A
 * backslash would join the next line to this one when it stands at the end, so it is shown as `/`.
 */
export function plainValue(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Noncharacter_Code_Point}]/gu, ' ')
    .replaceAll('\\', '/')
    .replaceAll('%', '%%')
    .trim();
}
