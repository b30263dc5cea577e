import { readdir } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import { nameProblem } from '../base/names.ts';
import type { Layout } from '../base/paths.ts';
import { errnoOf } from '../system/failure.ts';
import { readOsRelease } from './inspect.ts';
import { prettyName } from './os-release.ts';
import { containersByRootfs } from './usage.ts';

/** A rootfs of the store, as `fs ls` shows it (contract 1.7). */
export interface RootfsRecord {
  readonly name: string;
  /** PRETTY_NAME of its os-release, or `unknown`. */
  readonly os: string;
  /** Containers made from it, sorted. */
  readonly containers: readonly string[];
  readonly path: string;
}

/** Names of all rootfs of the store, sorted; none when there is no store yet. @throws SdmeError `io` */
export async function rootfsNames(layout: Layout): Promise<string[]> {
  try {
    const entries = await readdir(layout.fsDir, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && nameProblem(entry.name) === undefined)
      .map(({ name }) => name)
      .sort();
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return [];
    throw new SdmeError('io', `cannot list ${layout.fsDir}`, { cause });
  }
}

/** The OS of a tree; one that cannot be read is `unknown`, so that a listing always shows all others. */
function osOf(tree: string): string {
  try {
    return prettyName(readOsRelease(tree));
  } catch {
    return 'unknown';
  }
}

/** All rootfs of the store, by name. Reads only. */
export async function listRootfs(layout: Layout): Promise<RootfsRecord[]> {
  const users = await containersByRootfs(layout);
  return (await rootfsNames(layout)).map((name) => {
    const path = layout.rootfsDir(name);
    return { name, os: osOf(path), containers: users.get(name) ?? [], path };
  });
}
