import { z } from 'zod';
import { containerLock } from './container-lock.ts';
import { defineContract } from './contract.ts';
import { objectName } from './object-name.ts';

/**
 * Gives a container's files to the users of its namespace, where no mount can map them. A child of the job that makes
 * the container; submitted by itself it finishes what an interrupted one left.
 */
export const uidPreshift = defineContract({
  kind: 'uid.preshift',
  summary: "give a container's files to the users of its namespace, where no mount can map them",
  queue: 'bulk',
  input: z.strictObject({ name: objectName }),
  result: z.strictObject({
    name: objectName,
    /** Files that were gone through; 0 when nothing was to be done. */
    files: z.number().int().nonnegative(),
  }),
  locks: containerLock,
  subject: ({ name }) => name,
});
