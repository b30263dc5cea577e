import { z } from 'zod';
import { containerLock } from './container-lock.ts';
import { defineContract } from './contract.ts';
import { objectName } from './object-name.ts';

/**
 * How a container is ended: `graceful` asks its PID 1 to shut down, `terminate` ends the machine, `kill` kills
 * every process in it (contract 1.5).
 */
export const stopModes = ['graceful', 'terminate', 'kill'] as const;
export type StopMode = (typeof stopModes)[number];

/** The field of an input that stops a container. */
export const stopMode = z.enum(stopModes).default('graceful');

/** Shuts a container down and waits until nothing of it runs (contract 1.5). */
export const containerStop = defineContract({
  kind: 'container.stop',
  summary: 'shut a container down',
  queue: 'control',
  input: z.strictObject({ name: objectName, mode: stopMode }),
  /** `wasRunning` is false when there was nothing to stop. */
  result: z.strictObject({ name: objectName, wasRunning: z.boolean() }),
  locks: containerLock,
  subject: ({ name }) => name,
});

/** Parsed input of `container.stop`. */
export type ContainerStopInput = z.output<typeof containerStop.input>;
/** Result of `container.stop`. */
export type ContainerStopResult = z.output<typeof containerStop.result>;
