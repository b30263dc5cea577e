import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { canMakeDevices } from '../system/device-node.ts';
import { isInitialMap, readUidMap } from '../system/uid-map.ts';
import type { ContainerRecord } from './record.ts';

/**
 * Refuses containers where this program runs in a user namespace itself, as the kernel lets nobody make device nodes
 * there, and a container needs its own (contract 6.6; user_namespaces(7)).
 *
 * @throws SdmeError `system.unsupported`
 */
export async function refuseNesting(ctx: Context, record: ContainerRecord, layout: Layout): Promise<void> {
  if (isInitialMap(await readUidMap(process.pid)) || (await canMakeDevices(layout.runtimeDir))) return;
  if (record.USERNS === undefined) {
    ctx.log.warn('warning: without --userns root of a nested container would be root of the one around it');
  }
  throw new SdmeError(
    'system.unsupported',
    'containers cannot be made in a user namespace, where mknod is refused: it takes the initial user namespace, so use a host or a container without --userns',
  );
}
