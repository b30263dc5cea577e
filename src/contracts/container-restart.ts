import { z } from 'zod';
import { bootLimits, bootTimeout } from './container-create.ts';
import { containerLock } from './container-lock.ts';
import { stopMode } from './container-stop.ts';
import { defineContract } from './contract.ts';
import { objectName } from './object-name.ts';

/** Stops a container and boots it again (contract 1.5). */
export const containerRestart = defineContract({
  kind: 'container.restart',
  summary: 'shut a container down and boot it again',
  queue: 'control',
  input: z.strictObject({ name: objectName, mode: stopMode, timeout: bootTimeout }),
  result: z.strictObject({ name: objectName, bootMs: z.number().nonnegative() }),
  locks: containerLock,
  limits: bootLimits,
  subject: ({ name }) => name,
});

/** Parsed input of `container.restart`. */
export type ContainerRestartInput = z.output<typeof containerRestart.input>;
