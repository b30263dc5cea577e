import { SdmeError } from '../base/errors.ts';

/** Deepest nesting of a document we look at; real ones stay below ten. */
const maxDepth = 64;

/** The deepest nesting of brackets outside strings; linear, so that hostile depth costs nothing. */
function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const character = text.charCodeAt(i);
    if (inString) {
      if (character === 0x5c) i += 1;
      else if (character === 0x22) inString = false;
    } else if (character === 0x22) inString = true;
    else if (character === 0x7b || character === 0x5b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (character === 0x7d || character === 0x5d) depth -= 1;
  }
  return deepest;
}

/**
 * The value of a JSON document that a stranger wrote. Not UTF-8, a byte order mark, NUL bytes and nesting deeper
 * than 64 are refused (unpack-cases G9, G13); of duplicate keys the last wins, and `__proto__` is a plain own key.
 * @throws SdmeError `oci.manifest-invalid` naming `what`
 */
export function parseUntrustedJson(bytes: Uint8Array, what: string): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new SdmeError('oci.manifest-invalid', `${what} is not UTF-8`, { cause: error });
  }
  if (nesting(text) > maxDepth) {
    throw new SdmeError('oci.manifest-invalid', `${what} is nested deeper than ${maxDepth} levels`);
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may hold terminal escapes.
    throw new SdmeError('oci.manifest-invalid', `${what} is not valid JSON`);
  }
}
