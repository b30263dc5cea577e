import { z } from 'zod';
import { defineContract } from './contract.ts';
import { objectName } from './object-name.ts';

/** Removes a rootfs that no container uses (contract 1.9). */
export const fsRm = defineContract({
  kind: 'fs.rm',
  summary: 'remove a root filesystem from the store',
  queue: 'control',
  input: z.strictObject({ name: objectName }),
  result: z.strictObject({ name: objectName }),
  locks: ({ name }) => [{ kind: 'fs', name, mode: 'exclusive' }],
  subject: ({ name }) => name,
});
