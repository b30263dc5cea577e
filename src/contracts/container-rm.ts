import { z } from 'zod';
import { containerLock } from './container-lock.ts';
import { defineContract } from './contract.ts';
import { objectName } from './object-name.ts';

/** Stops and removes a container; keeps the data of its OCI volumes (contract 1.5). */
export const containerRm = defineContract({
  kind: 'container.rm',
  summary: 'stop and remove a container',
  queue: 'control',
  input: z.strictObject({ name: objectName }),
  result: z.strictObject({
    name: objectName,
    /** Where the data of its volumes was kept. */
    volumesKept: z.string().optional(),
  }),
  locks: containerLock,
  subject: ({ name }) => name,
});
