import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import { idmapMountArguments } from '../system/idmapped-mount.ts';
import { rehearseMounts } from '../system/mount-rehearsal.ts';
import { boundDevices } from './bound-devices.ts';
import type { ContainerRecord } from './record.ts';
import { uidRangeOf } from './user-range.ts';

/**
 * Tries whether what is bound into a container with users of its own can be mapped to them, which depends on the file
 * system that it lies on: nspawn itself would only end. Device nodes are bound as they are.
 *
 * @throws SdmeError `system.unsupported` naming the path that cannot; `not-found`; the signal's reason
 */
export async function rehearseBinds(ctx: Context, record: ContainerRecord): Promise<void> {
  const range = uidRangeOf(record);
  if (range === undefined) return;
  const devices = await boundDevices(record);
  for (const { host } of record.BINDS) {
    if (devices.has(host)) continue;
    try {
      await rehearseMounts([idmapMountArguments(host, host, range)], [host], ctx);
    } catch (cause) {
      ctx.signal.throwIfAborted();
      throw new SdmeError(
        'system.unsupported',
        `${host} cannot be bound into a container with users of its own, as its file system cannot be mapped to them; bind a path on another one, or do without --userns`,
        { cause },
      );
    }
  }
}
