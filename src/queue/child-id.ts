import { createHash } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * The id of a job's child: a ULID with its parent's time, the rest from a digest of the parent's id and the child's
 * name. So whoever asks for the child again finds it, without a look at any index. Pure.
 */
export function childIdOf(parent: string, name: string): string {
  const digest = createHash('sha256').update(`${parent}\n${name}`).digest();
  let rest = '';
  for (const byte of digest.subarray(0, 16)) rest += alphabet.charAt(byte % 32);
  return parent.slice(0, 10) + rest;
}
