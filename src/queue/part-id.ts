import { createHash } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * The id of a part of what has a ULID, such as a job's child: its time, the rest from a digest of it and the part's
 * name. So whoever asks for the child again finds it, without a look at any index. Pure.
 */
export function partIdOf(whole: string, name: string): string {
  const digest = createHash('sha256').update(`${whole}\n${name}`).digest();
  let rest = '';
  for (const byte of digest.subarray(0, 16)) rest += alphabet.charAt(byte % 32);
  return whole.slice(0, 10) + rest;
}
