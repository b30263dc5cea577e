/**
 * Bytes of a stranger for a message or log line: printable ASCII stays, the rest is `\xNN`, so that no
 * terminal acts on it; cut after 200 characters.
 */
export function showBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (text.length >= 200) return `${text}…`;
    if (byte === 0x5c) text += '\\\\';
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
