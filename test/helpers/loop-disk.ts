import { mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { output } from './container-host.ts';

/** Why there is no {@link LoopDisk}. */
export const noLoopDisk = 'this kernel has no loop devices';

/** A disk of the host's own: a file system on a loop device, mounted. */
export interface LoopDisk {
  readonly device: string;
  /** Numbers of the device, as `7:0`. */
  readonly numbers: string;
}

/**
 * Makes a disk and mounts it at a directory until `undo` is disposed; undefined where there can be none. `options`
 * are of mount(8).
 */
export async function loopDisk(
  undo: AsyncDisposableStack,
  directory: string,
  options: readonly string[] = [],
): Promise<LoopDisk | undefined> {
  const image = '/var/lib/sdme/loop-disk.img';
  const device = '/dev/sdme-test-loop';
  const [, minor] = /^\/dev\/loop(\d+)/.exec(await output('losetup', '--find').catch(() => '')) ?? [];
  if (minor === undefined) return undefined;
  await output('mknod', device, 'b', '7', minor);
  undo.defer(() => rmSync(device));
  await output('truncate', '--size=16M', image);
  undo.defer(() => rmSync(image));
  await output('mkfs.ext4', '-q', image);
  mkdirSync(directory, { recursive: true });
  undo.defer(() => rmdirSync(directory));
  // The kernel takes the device back with the last mount, also when that goes with a host that is killed.
  await output('mount', '-o', [...options, `loop=${device}`].join(), image, directory);
  undo.defer(async () => void (await output('umount', directory)));
  return { device, numbers: `7:${minor}` };
}
