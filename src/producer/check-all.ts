import { SdmeError, toSdmeError } from '../base/errors.ts';

/** Most faults named in one message. */
const maxNamed = 20;

/**
 * Does work that checks, for all of what a caller gave, and tells of all faults together. `what` names the things,
 * each label one of them. @throws SdmeError `input.invalid`
 */
export function checkAll<T>(what: string, checks: readonly { label: string; check: () => T }[]): T[] {
  const faults: string[] = [];
  const checked = checks.flatMap(({ label, check }) => {
    try {
      return [check()];
    } catch (error) {
      faults.push(`${label}: ${toSdmeError(error).message}`);
      return [];
    }
  });
  if (faults.length === 0) return checked;
  const named = faults.slice(0, maxNamed).join('\n');
  const more = faults.length > maxNamed ? `\n… and ${faults.length - maxNamed} more` : '';
  throw new SdmeError(
    'input.invalid',
    `${faults.length} of ${checks.length} ${what} are not valid, so none was submitted:\n${named}${more}`,
    { facts: { faulty: faults.length } },
  );
}
