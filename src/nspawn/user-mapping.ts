import { stat } from 'node:fs/promises';
import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import { shiftId } from '../security/uid-shift.ts';
import { rehearseMounts } from '../system/mount-rehearsal.ts';
import { type LayerPaths, layerMounts } from './layer-mounts.ts';
import type { ContainerRecord } from './record.ts';
import { mappedRange, shiftFromRootfs } from './user-range.ts';

/**
 * Tries a container's mounts, all of them and as its unit will make them, where nobody sees them. That they can be
 * made depends on the kernel, on the file systems of the rootfs and of the data directory, and on mount(8), where old
 * versions pass over what they do not know; so the owners that show are looked at too.
 *
 * @throws SdmeError `system.unsupported` when the files cannot be mapped so
 */
export async function rehearseMapping(
  ctx: Context,
  record: ContainerRecord,
  layers: readonly LayerPaths[],
): Promise<void> {
  const range = mappedRange(record);
  if (range === undefined) throw new SdmeError('internal', `'${record.NAME}' has no mapped users`);
  const mounts = layerMounts(record, layers).map((mount) => mount.arguments);
  const lowers = layers.map(({ lower }) => lower);
  const sources = await Promise.all(layers.map(({ source }) => stat(source)));
  const shift = shiftFromRootfs(range);
  try {
    const owners = await rehearseMounts(mounts, lowers, ctx);
    for (const [index, { uid, gid }] of sources.entries()) {
      const shown = owners[index];
      if (shown?.uid === shiftId(uid, shift) && shown.gid === shiftId(gid, shift)) continue;
      throw new SdmeError('system.unsupported', `mount(8) did not map the ids of ${layers[index]?.source}`);
    }
  } catch (cause) {
    ctx.signal.throwIfAborted();
    throw new SdmeError(
      'system.unsupported',
      'the files of this container cannot be mapped into a user namespace by mounts',
      { cause },
    );
  }
}
