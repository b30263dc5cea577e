import { z } from 'zod';
import { defineContract } from './contract.ts';

/** Does nothing: shows that a host takes jobs, and what the queue itself costs. */
export const hostPing = defineContract({
  kind: 'host.ping',
  summary: 'answer, to show that the host takes jobs',
  queue: 'control',
  input: z.strictObject({ payload: z.string().max(4096).optional() }),
  result: z.strictObject({ host: z.string(), at: z.number() }),
  subject: () => '-',
});
