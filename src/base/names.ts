import { SdmeError } from './errors.ts';

/** The longest object name, in bytes (contract 1.1). */
export const nameMaxLength = 64;

/**
 * What is wrong with an object name (rootfs, container, pod, secret …), or undefined when it is valid:
 * `^[a-z][a-z0-9-]{0,63}$` (contract 1.1).
 */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'name cannot be empty';
  if (!/^[a-z]/.test(name)) return 'name must start with a lowercase letter';
  if (!/^[a-z0-9-]*$/.test(name) || name.includes('\n')) {
    return 'name may only contain lowercase letters, digits, and hyphens';
  }
  if (name.length > nameMaxLength) return `name must be at most ${nameMaxLength} characters`;
  return undefined;
}

/**
 * The one name of `names` that `wanted` means: itself if present, else the only one it is a prefix of
 * (contract 1.1). @throws SdmeError `not-found` (none), `input.invalid` (several)
 */
export function matchName(wanted: string, names: readonly string[]): string {
  if (names.includes(wanted)) return wanted;
  const matches = wanted === '' ? [] : names.filter((name) => name.startsWith(wanted)).sort();
  const [first, ...others] = matches;
  if (first === undefined) throw new SdmeError('not-found', `no container found matching '${wanted}'`);
  if (others.length > 0) {
    throw new SdmeError('input.invalid', `ambiguous name '${wanted}', could match: ${matches.join(', ')}`);
  }
  return first;
}
