import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import { nameProblem } from '../base/names.ts';
import type { Layout } from '../base/paths.ts';
import { errnoOf } from '../system/failure.ts';

/** The rootfs a state file's text names; undefined for containers of the host's own root (contract 2.2). */
export function rootfsOfState(text: string): string | undefined {
  // Read line by line rather than as a whole, so that a damaged line elsewhere never hides a use.
  const match = /^ROOTFS=(.+)$/m.exec(text);
  return match?.[1];
}

async function stateFiles(layout: Layout): Promise<string[]> {
  try {
    return (await readdir(layout.stateDir)).filter((name) => nameProblem(name) === undefined).sort();
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return [];
    throw new SdmeError('io', `cannot read ${layout.stateDir}`, { cause });
  }
}

async function readState(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    // Removed since it was listed: the container is gone, and uses nothing.
    if (errnoOf(cause) === 'ENOENT') return '';
    throw new SdmeError('io', `cannot read ${file}`, { cause });
  }
}

/** The containers of each rootfs that has any, names sorted. @throws SdmeError `io` */
export async function containersByRootfs(layout: Layout): Promise<Map<string, string[]>> {
  const users = new Map<string, string[]>();
  for (const container of await stateFiles(layout)) {
    const rootfs = rootfsOfState(await readState(join(layout.stateDir, container)));
    if (rootfs !== undefined) users.set(rootfs, [...(users.get(rootfs) ?? []), container]);
  }
  return users;
}

/** Refuses when a container was made from the rootfs. The caller holds its lock. @throws SdmeError `in-use` */
export async function checkUnused(layout: Layout, rootfs: string): Promise<void> {
  const [container] = (await containersByRootfs(layout)).get(rootfs) ?? [];
  if (container === undefined) return;
  throw new SdmeError('in-use', `fs '${rootfs}' is in use by container '${container}'`, {
    facts: { container },
  });
}
