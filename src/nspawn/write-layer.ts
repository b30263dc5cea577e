import { chmod, mkdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { symlinkIn, writeFileIn } from '../system/fs/beneath.ts';
import { ensureLayerDirectory, markOpaqueIn } from '../system/fs/overlay-layer.ts';
import type { LayerEntry } from './layer-plan.ts';

/**
 * Makes the directories in which containers and their records lie, for root only: a program with the setuid bit in one
 * of them would be there for all users of the host, and a record may hold what is secret (contract 2.1).
 */
export async function makeContainerStore({
  dataDir,
  stateDir,
  containersDir,
}: Pick<Layout, 'dataDir' | 'stateDir' | 'containersDir'>): Promise<void> {
  for (const directory of [dataDir, stateDir, containersDir]) {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await chmod(directory, 0o700);
    } catch (cause) {
      throw new SdmeError('io', `cannot make the directory ${directory}`, { cause });
    }
  }
}

/** The directories of a container (contract 2.1). Modes are set by name, as the worker's umask may be any. */
export async function makeLayerDirectories(containerDir: string): Promise<void> {
  try {
    await mkdir(containerDir, { mode: 0o700 });
    await setLayerModes(containerDir, (path) => mkdir(path));
  } catch (cause) {
    throw new SdmeError('io', `cannot make the directories of ${containerDir}`, { cause });
  }
}

/** Gives a container's directories their modes. `before` is called for each layer directory first. */
export async function setLayerModes(
  containerDir: string,
  before: (path: string) => Promise<unknown> = async () => {},
): Promise<void> {
  await chmod(containerDir, 0o700);
  for (const [name, mode] of [
    ['upper', 0o755],
    ['work', 0o700],
    ['merged', 0o755],
  ] as const) {
    await before(`${containerDir}/${name}`);
    await chmod(`${containerDir}/${name}`, mode);
  }
}

/**
 * Writes a planned layer. `lower` is the rootfs it lies over: directories of both keep the mode and owner they
 * have there, and symlinks on the way are followed in it. @throws SdmeError `syscall`, `disk.full`, `io`
 */
export function writeLayer(upper: string, lower: string, entries: readonly LayerEntry[]): void {
  for (const entry of entries) {
    if (entry.kind === 'opaque') {
      markOpaqueIn(upper, ensureLayerDirectory(upper, lower, entry.path));
      continue;
    }
    const directory = ensureLayerDirectory(upper, lower, posix.dirname(entry.path));
    const path = posix.join(directory, posix.basename(entry.path));
    if (entry.kind === 'symlink') symlinkIn(upper, path, entry.target);
    else writeFileIn(upper, path, entry.text, { mode: entry.mode });
  }
}
