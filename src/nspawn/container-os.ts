import { osReleaseMaxBytes, osReleasePaths, parseOsRelease, prettyName } from '../rootfs/os-release.ts';
import { readFileIn } from '../system/fs/beneath.ts';

/**
 * The name of the operating system in the first of some roots that says it, else `unknown` (contract 1.7). Roots
 * may be missing, and what they hold may be anything.
 */
export function osNameIn(roots: readonly string[]): string {
  for (const root of roots) {
    for (const path of osReleasePaths) {
      const name = nameOf(root, path);
      if (name !== 'unknown') return name;
    }
  }
  return 'unknown';
}

function nameOf(root: string, path: string): string {
  try {
    const text = readFileIn(root, path, osReleaseMaxBytes)?.toString('utf8') ?? '';
    return prettyName(parseOsRelease(text));
  } catch {
    // No such root, or not a file: a listing goes on with the next place.
    return 'unknown';
  }
}
