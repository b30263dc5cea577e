import { z } from 'zod';
import { bootLimits, bootTimeout } from './container-create.ts';
import { containerLock } from './container-lock.ts';
import { defineContract } from './contract.ts';
import { objectName } from './object-name.ts';

/** Boots a container and waits until its inner bus answers (contract 1.5, 3.9). */
export const containerStart = defineContract({
  kind: 'container.start',
  summary: 'boot a container',
  queue: 'control',
  input: z.strictObject({ name: objectName, timeout: bootTimeout }),
  result: z.strictObject({
    name: objectName,
    /** True when it ran before; then nothing was done or checked. */
    alreadyRunning: z.boolean(),
    /** Milliseconds from the start request until the inner bus answered; 0 when it ran before. */
    bootMs: z.number().nonnegative(),
  }),
  locks: containerLock,
  limits: bootLimits,
  subject: ({ name }) => name,
});

/** Parsed input of `container.start`. */
export type ContainerStartInput = z.output<typeof containerStart.input>;
/** Result of `container.start`. */
export type ContainerStartResult = z.output<typeof containerStart.result>;
