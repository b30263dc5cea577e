import type { MountEntry } from '../system/mounts.ts';

/** File systems that hold a host's own files, as opposed to the kernel's and to other machines'. */
const ownFileSystems = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'bcachefs', 'zfs', 'jfs', 'reiserfs'];
/** Where a container gets file systems of its own. */
const replaced = ['/proc', '/sys', '/dev', '/run', '/tmp'];

/** True for a directory and all that lies in it. */
export function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/**
 * The host's mount points that a clone of its root must overlay too, as an overlay over `/` does not see into
 * them: without what a container mounts for itself, and without those at or below a path of `covered`, where it
 * sees something else.
 */
export function chooseSubmounts(
  mounts: readonly Pick<MountEntry, 'mountPoint' | 'fsType'>[],
  covered: readonly string[],
): string[] {
  const chosen = mounts
    .filter(({ fsType }) => ownFileSystems.includes(fsType))
    // Bytes, as mountinfo has them.
    .map(({ mountPoint }) => Buffer.from(mountPoint, 'latin1').toString('utf8'))
    .filter((path) => path !== '/' && ![...replaced, ...covered].some((top) => isAtOrBelow(path, top)))
    // What overlayfs options cannot hold, or a line of a unit.
    .filter((path) => !/[,:\\\p{Cc}]/u.test(path));
  return [...new Set(chosen)].sort();
}

/** Of some paths, those that lie in a mount point and in no deeper one, as paths in it. */
export function pathsIn(
  mountPoint: string,
  mountPoints: readonly string[],
  paths: readonly string[],
): string[] {
  const deeper = mountPoints.filter((other) => other.startsWith(`${mountPoint}/`));
  return paths
    .filter((path) => path.startsWith(`${mountPoint}/`) && !deeper.some((other) => isAtOrBelow(path, other)))
    .map((path) => path.slice(mountPoint.length + 1));
}

/** Names that mean a layer below a mount point's directory, and such names of the host with a mark behind them. */
const layerName = /^(upper|work|merged|lower|staged)(~*)$/;

/** Below `submounts`, where the layers of a mount point lie: its path, in which no component is taken for a layer. */
export function submountDirectory(mountPoint: string): string {
  const names = mountPoint.split('/').filter((name) => name !== '');
  return names.map((name) => (layerName.test(name) ? `${name}~` : name)).join('/');
}

/** What a name below `submounts` stands for: a component of a mount point, or undefined for a layer. */
export function submountComponent(name: string): string | undefined {
  const marks = layerName.exec(name)?.[2];
  if (marks === undefined) return name;
  return marks === '' ? undefined : name.slice(0, -1);
}
