import { switchBootStart } from '../run/boot-start.ts';
import type { VerbRun } from '../verb.ts';

/** `disable`: containers no longer start when the host boots (contract 1.5). */
export const run: VerbRun = (invocation) =>
  switchBootStart(invocation, 'container.disable', { doing: 'disabling', done: 'disabled' });
