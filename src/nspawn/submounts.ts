import { mkdir } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import { listMounts, type MountEntry } from '../system/mounts.ts';
import type { ContainerDeps } from './deps.ts';
import { submountPaths } from './layer-mounts.ts';
import { type ContainerRecord, isHostRoot } from './record.ts';

/** File systems that hold a host's own files, as opposed to the kernel's and to other machines'. */
const ownFileSystems = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'bcachefs', 'zfs', 'jfs', 'reiserfs'];
/** Where a container gets file systems of its own. */
const replaced = ['/proc', '/sys', '/dev', '/run', '/tmp'];

function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/**
 * The host's mount points that a clone of its root must overlay too, as an overlay over `/` does not see into
 * them. Without our own data, and without what a container mounts for itself.
 */
export function chooseSubmounts(
  mounts: readonly Pick<MountEntry, 'mountPoint' | 'fsType'>[],
  dataDir: string,
): string[] {
  const chosen = mounts
    .filter(({ fsType }) => ownFileSystems.includes(fsType))
    .map(({ mountPoint }) => mountPoint)
    .filter((path) => path !== '/' && !replaced.some((directory) => isAtOrBelow(path, directory)))
    .filter((path) => !isAtOrBelow(path, dataDir) && !/[,:\\\s]/.test(path));
  return [...new Set(chosen)].sort();
}

/** Makes the layers for the host's mount points of a host-root clone and names them; none for others. */
export async function prepareSubmounts(
  record: ContainerRecord,
  { layout }: ContainerDeps,
): Promise<string[]> {
  if (!isHostRoot(record)) return [];
  const submounts = chooseSubmounts(await listMounts(), layout.dataDir);
  const containerDir = layout.containerDir(record.NAME);
  for (const mountPoint of submounts) {
    const { upper, work } = submountPaths(containerDir, mountPoint);
    try {
      await mkdir(upper, { recursive: true, mode: 0o755 });
      await mkdir(work, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new SdmeError('io', `cannot make the layers for ${mountPoint} of '${record.NAME}'`, { cause });
    }
  }
  return submounts;
}
