import { switchBootStart } from '../run/boot-start.ts';
import type { VerbRun } from '../verb.ts';

/** `enable`: containers start when the host boots (contract 1.5). */
export const run: VerbRun = (invocation) =>
  switchBootStart(invocation, 'container.enable', { doing: 'enabling', done: 'enabled' });
