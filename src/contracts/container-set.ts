import { z } from 'zod';
import { containerLimits } from './container-create.ts';
import { containerLock } from './container-lock.ts';
import { defineContract } from './contract.ts';
import { objectName } from './object-name.ts';

/** Replaces the whole set of a container's limits; what is absent is cleared (contract 1.5). */
export const containerSet = defineContract({
  kind: 'container.set',
  summary: 'replace the resource limits of a container',
  queue: 'control',
  input: z.strictObject({ name: objectName, ...containerLimits }),
  /** `running`: the limits take effect at its next start. */
  result: z.strictObject({ name: objectName, running: z.boolean() }),
  locks: containerLock,
  subject: ({ name }) => name,
});

/** Parsed input of `container.set`. */
export type ContainerSetInput = z.output<typeof containerSet.input>;
