import { z } from 'zod';
import { defineContract } from './contract.ts';

/** Removes the staging directories that dead processes left in the store (contract 1.9, 2.1). */
export const fsGc = defineContract({
  kind: 'fs.gc',
  summary: 'remove what interrupted imports and removals left in the store',
  queue: 'bulk',
  input: z.strictObject({}),
  /** Names of the staging directories that were removed. */
  result: z.strictObject({ removed: z.array(z.string()) }),
  subject: () => '-',
});
