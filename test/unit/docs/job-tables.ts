import { errorCatalogue } from '../../../src/base/errors.ts';
import { contracts } from '../../../src/contracts/index.ts';

function duration(milliseconds: number): string {
  const units: readonly (readonly [number, string])[] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  const [size, unit] = units.find(([one]) => milliseconds >= one && milliseconds % one === 0) ?? [1, 'ms'];
  return `${milliseconds / size} ${unit}`;
}

/** The rows of the table of kinds in docs/jobs.md. */
export function kindRows(): string[] {
  return Object.values(contracts).map(({ kind, summary, queue, retry, limits }) => {
    const times = [limits.queueMs, limits.runMs, limits.noProgressMs].map(duration).join(', ');
    return `| \`${kind}\` | ${summary} | ${queue} | ${retry.attempts} | ${times} |`;
  });
}

/** The rows of the table of error codes in docs/jobs.md. */
export function errorRows(): string[] {
  return Object.entries(errorCatalogue).map(
    ([code, { retryable, meaning }]) => `| \`${code}\` | ${retryable ? 'yes' : 'no'} | ${meaning} |`,
  );
}
