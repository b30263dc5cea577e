import { existsIn, kindIn, readFileIn } from '../system/fs/beneath.ts';
import { type DistroFamily, distroFamily } from './distros.ts';
import { osReleaseMaxBytes, osReleasePaths, parseOsRelease } from './os-release.ts';
import { type RequiredPart, requiredPaths } from './prepare/policy.ts';

/** The os-release of a tree; empty when it has none that can be read. Never looks outside of the tree. */
export function readOsRelease(tree: string): ReadonlyMap<string, string> {
  for (const path of osReleasePaths) {
    if (kindIn(tree, path) !== 'file') continue;
    const text = readFileIn(tree, path, osReleaseMaxBytes)?.toString('utf8') ?? '';
    if (text !== '') return parseOsRelease(text);
  }
  return new Map();
}

/** The distribution family of a tree. */
export function familyOfTree(tree: string): DistroFamily {
  return distroFamily(readOsRelease(tree));
}

/** The parts a tree lacks for booting, in a fixed order. */
export function missingParts(tree: string): RequiredPart[] {
  const parts: readonly RequiredPart[] = ['systemd', 'dbus'];
  return parts.filter((part) => !requiredPaths[part].some((path) => existsIn(tree, path)));
}
