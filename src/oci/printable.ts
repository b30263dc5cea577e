/**
 * Text from a stranger as it may stand in a message: one line, ASCII only, control characters and terminal
 * escapes written as `\u{…}`, cut at `limit` characters (unpack-cases I14).
 */
export function printable(text: string, limit = 200): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  let safe = '';
  for (const character of cut) {
    const code = character.codePointAt(0) ?? 0;
    const plain = (code >= 0x20 && code < 0x7f) || character === '…';
    safe += plain ? character : `\\u{${code.toString(16)}}`;
  }
  return safe;
}
