import { statfs } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import { formatSize } from '../base/sizes.ts';

/** What a disk has to give to root. */
export interface DiskSpace {
  readonly bytes: number;
  /** Inodes; undefined for file systems that make them as needed (btrfs says 0 of 0). */
  readonly inodes: number | undefined;
}

/** What an import is going to need; both are estimates, see {@link leastUnpackFactor}. */
export interface DiskNeed {
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * What compressed layers unpack to at least: no less than their own size. The check before the start uses this, as
 * it shall stop what cannot fit and never what may.
 */
export const leastUnpackFactor = 1;

/** What they usually unpack to: real images give 2 to 3.5 times their compressed size. For plans. */
export const usualUnpackFactor = 2.5;

/** The space of the file system that holds `path`. */
export async function diskSpace(path: string): Promise<DiskSpace> {
  const stats = await statfs(path);
  return { bytes: stats.bsize * stats.bavail, inodes: stats.files === 0 ? undefined : stats.ffree };
}

/** @throws SdmeError `disk.full` with facts `needed` and `available` when the disk cannot hold what is needed */
export function checkSpace(path: string, space: DiskSpace, need: DiskNeed): void {
  if (need.bytes > space.bytes) {
    throw new SdmeError(
      'disk.full',
      `the disk that holds ${path} has ${formatSize(space.bytes)} free, and about ${formatSize(need.bytes)} are needed; free some and try again`,
      { facts: { needed: need.bytes, available: space.bytes } },
    );
  }
  if (space.inodes !== undefined && need.inodes > space.inodes) {
    throw new SdmeError(
      'disk.full',
      `the disk that holds ${path} has ${space.inodes} inodes free, and about ${need.inodes} are needed; remove some files and try again`,
      { facts: { needed: need.inodes, available: space.inodes } },
    );
  }
}
