import { chmod, chown, mkdir, readdir, realpath, rename, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import { shiftSmallTree } from '../security/shift/shift-small-tree.ts';
import type { UidRange } from '../security/uid-ranges.ts';
import { pathExists } from '../system/fs/path-exists.ts';
import { removeTree } from '../system/fs/remove-tree.ts';
import { listMounts } from '../system/mounts.ts';
import type { ContainerDeps } from './deps.ts';
import { type SubmountPaths, submountPaths } from './layer-mounts.ts';
import { type ContainerRecord, isHostRoot } from './record.ts';
import { chooseSubmounts, pathsIn, submountComponent } from './submounts.ts';
import { mappedRange, shiftFromRootfs } from './user-range.ts';
import { writeLayer } from './write-layer.ts';

/**
 * Makes the upper layer of a mount point: its top is what the mount point is on the host, and `hidden` directories
 * in it are seen empty; all of it belongs to `users`, if the container has its own. It is there whole or not at all, as
 * what is in it belongs to the container from then on.
 */
async function makeUpper(
  { upper, staged }: Pick<SubmountPaths, 'upper' | 'staged'>,
  mountPoint: string,
  hidden: readonly string[],
  users: UidRange | undefined,
): Promise<void> {
  if (await pathExists(upper)) return;
  await removeTree(staged);
  await mkdir(staged, { recursive: true });
  const top = await stat(mountPoint);
  await chown(staged, top.uid, top.gid);
  await chmod(staged, top.mode & 0o7777);
  writeLayer(
    staged,
    mountPoint,
    hidden.map((path) => ({ kind: 'opaque', path })),
  );
  if (users !== undefined) shiftSmallTree(staged, shiftFromRootfs(users));
  await rename(staged, upper);
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * Makes the layers for the host's mount points of a host-root clone and names them; none for others.
 * @throws SdmeError `io`, `syscall`, `disk.full`
 */
export async function prepareSubmounts(
  record: ContainerRecord,
  { layout }: ContainerDeps,
): Promise<string[]> {
  if (!isHostRoot(record)) return [];
  const dataDirs = [layout.dataDir, await realpath(layout.dataDir)];
  const hidden = [...new Set([...record.OPAQUE_DIRS, ...dataDirs])];
  const covered = [...hidden, ...record.BINDS.map((bind) => resolve(bind.container))];
  const chosen = chooseSubmounts(await listMounts(), covered);
  const submounts: string[] = [];
  // A file can be a mount point too, but not be overlaid.
  for (const mountPoint of chosen) if (await isDirectory(mountPoint)) submounts.push(mountPoint);
  const users = mappedRange(record);
  for (const mountPoint of submounts) {
    const paths = submountPaths(layout.containerDir(record.NAME), mountPoint);
    try {
      await makeUpper(paths, mountPoint, pathsIn(mountPoint, submounts, hidden), users);
      await mkdir(paths.work, { recursive: true, mode: 0o700 });
      await mkdir(paths.merged, { recursive: true, mode: 0o755 });
    } catch (cause) {
      if (cause instanceof SdmeError) throw cause;
      throw new SdmeError('io', `cannot make the layers for ${mountPoint} of '${record.NAME}'`, { cause });
    }
  }
  return submounts;
}

/** The host mount points that a container has layers for. */
export async function listSubmounts(containerDir: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (directory: string, mountPoint: string): Promise<void> => {
    const names = await readdir(directory).catch((): string[] => []);
    if (names.includes('upper')) found.push(mountPoint);
    for (const name of names) {
      const component = submountComponent(name);
      if (component !== undefined) await visit(`${directory}/${name}`, `${mountPoint}/${component}`);
    }
  };
  await visit(`${containerDir}/submounts`, '');
  return found.sort();
}
