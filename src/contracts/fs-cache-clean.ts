import { z } from 'zod';
import { defineContract } from './contract.ts';

/** Removes blobs from the image cache: what is over the limit or unfinished, or everything (contract 1.9). */
export const fsCacheClean = defineContract({
  kind: 'fs.cache.clean',
  summary: 'remove blobs from the image cache',
  queue: 'bulk',
  input: z.strictObject({ all: z.boolean().default(false) }),
  result: z.strictObject({
    freedBytes: z.number().int().nonnegative(),
    blobs: z.number().int().nonnegative(),
  }),
  subject: () => '-',
});
