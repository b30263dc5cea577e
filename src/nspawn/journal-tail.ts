import type { Context } from '../base/context.ts';
import { describeError } from '../base/errors.ts';
import { run } from '../system/exec/run.ts';
import { unitName } from './template-unit.ts';

/** Writes the last lines of a container's unit to the job's log, between two marker lines (contract 1.5). */
export async function logJournalTail(ctx: Pick<Context, 'log'>, container: string): Promise<void> {
  const unit = unitName(container);
  const args = ['-u', unit, '-n', '50', '--no-pager', '-o', 'short-monotonic'];
  ctx.log.error(`--- journal of ${unit} ---`);
  try {
    const { stdout } = await run('journalctl', args, { timeoutMs: 10_000 });
    for (const line of stdout.split('\n')) if (line !== '') ctx.log.error(line);
  } catch (error) {
    // The boot failure is what matters to the caller; that its journal is missing is said beside it.
    ctx.log.error(describeError(error));
  }
  ctx.log.error(`--- end of journal of ${unit} ---`);
}
