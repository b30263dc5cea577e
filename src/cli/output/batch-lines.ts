import { describeError, fromErrorRecord } from '../../base/errors.ts';
import { formatSize } from '../../base/sizes.ts';
import { type BatchStatus, jobStates } from '../../contracts/index.ts';
import { printable } from './printable.ts';

/** One line: counts by state, and bytes done and to do. */
export function batchSummary({ total, states, bytesDone, bytesTotal }: BatchStatus): string {
  const counts = jobStates.flatMap((state) => (states[state] > 0 ? [`${states[state]} ${state}`] : []));
  const bytes = bytesTotal > 0 ? `, ${formatSize(bytesDone)} of ${formatSize(bytesTotal)}` : '';
  return `${total} jobs: ${counts.join(', ')}${bytes}`;
}

/** The text of `batch status`: the summary and each failure with its error. */
export function batchLines(status: BatchStatus): string[] {
  const failures = status.failures.map(({ job, subject, error }) =>
    printable(`  ${subject}  ${job}  ${error.code}: ${describeError(fromErrorRecord(error))}`),
  );
  return [batchSummary(status), ...(failures.length === 0 ? [] : ['failures:', ...failures])];
}

/** The exit code of a batch that has ended: all, some or none of its jobs succeeded. */
export function batchExitCode({ total, states }: BatchStatus): 0 | 3 | 4 {
  if (states.succeeded === total) return 0;
  return states.succeeded === 0 ? 4 : 3;
}
