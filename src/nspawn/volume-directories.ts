import { chmod, chown, mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { errnoOf } from '../system/failure.ts';
import { directoryAttributesIn } from '../system/fs/beneath.ts';
import type { OciVolume } from './oci-wiring.ts';
import type { ContainerRecord } from './record.ts';

/**
 * Makes the host directories of volumes. An empty one gets owner and mode of the image's directory of that path, so that
 * the workload's user can write to it. The ids are the image's own: with users of its own a container gets the directory
 * by a mapped mount, as it gets the rootfs. Directories that were made are removed again by `undo` while they are empty.
 *
 * @param root the container's rootfs
 * @throws SdmeError `io`
 */
export async function makeVolumes(
  volumes: readonly OciVolume[],
  record: Pick<ContainerRecord, 'NAME'>,
  { layout, root }: { readonly layout: Pick<Layout, 'volumesDir'>; readonly root: string },
  undo: AsyncDisposableStack,
): Promise<void> {
  if (volumes.length === 0) return;
  const ignoreUsed = (error: unknown): void => {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error;
  };
  const make = async (path: string): Promise<void> => {
    if ((await mkdir(path, { recursive: true, mode: 0o755 })) !== undefined)
      undo.defer(() => rmdir(path).catch(ignoreUsed));
  };
  try {
    await make(join(layout.volumesDir, record.NAME));
    for (const { bind } of volumes) {
      await make(bind.host);
      const wanted = directoryAttributesIn(root, bind.container);
      // Nobody but root can put anything else in the place of the directory: that of all volumes is root's.
      if (wanted === undefined || (await readdir(bind.host)).length > 0) continue;
      await chown(bind.host, wanted.uid, wanted.gid);
      await chmod(bind.host, wanted.mode);
    }
  } catch (cause) {
    throw new SdmeError('io', `cannot make the directories of volumes in ${layout.volumesDir}`, { cause });
  }
}
