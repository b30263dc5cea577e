import { z } from 'zod';
import { containerLock } from './container-lock.ts';
import { defineContract } from './contract.ts';
import { objectName } from './object-name.ts';

const input = z.strictObject({ name: objectName });
const result = z.strictObject({ name: objectName, enabled: z.boolean() });

/** Makes a container start when the host boots (contract 1.5). */
export const containerEnable = defineContract({
  kind: 'container.enable',
  summary: 'start a container when the host boots',
  queue: 'control',
  input,
  result,
  locks: containerLock,
  subject: ({ name }) => name,
});

/** Undoes `container.enable`. */
export const containerDisable = defineContract({
  kind: 'container.disable',
  summary: 'no longer start a container when the host boots',
  queue: 'control',
  input,
  result,
  locks: containerLock,
  subject: ({ name }) => name,
});
