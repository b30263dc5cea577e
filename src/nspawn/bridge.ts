import { SdmeError } from '../base/errors.ts';
import { isBridge } from '../system/network-interfaces.ts';
import type { ContainerRecord } from './record.ts';

/** Refuses a container whose bridge the host does not have: nspawn itself would only end. @throws SdmeError `not-found` */
export async function requireBridge({ NETWORK_BRIDGE: bridge }: ContainerRecord): Promise<void> {
  if (bridge === undefined || (await isBridge(bridge))) return;
  throw new SdmeError('not-found', `network bridge not found: ${bridge}; make it first, nspawn makes none`);
}
