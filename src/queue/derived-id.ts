import { createHash } from 'node:crypto';

/**
 * An id from the SHA-256 of a text: the prefix and 26 digits of base 36 (over 134 bits), so that what is asked for
 * twice gets one id. Pure.
 */
export function derivedId(prefix: 'b' | 'f', text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${prefix}-${BigInt(`0x${hex}`).toString(36).padStart(26, '0').slice(-26)}`;
}
