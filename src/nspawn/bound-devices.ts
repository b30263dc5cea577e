import { stat } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import { deviceSpecifier } from './device-specifier.ts';
import type { ContainerRecord } from './record.ts';

/**
 * Those of a container's bind sources that are device nodes, and what a device policy calls them.
 * @throws SdmeError `not-found` for a source that is not there
 */
export async function boundDevices(
  record: Pick<ContainerRecord, 'BINDS'>,
): Promise<ReadonlyMap<string, string>> {
  const devices = new Map<string, string>();
  for (const { host } of record.BINDS) {
    try {
      const source = await stat(host);
      if (source.isCharacterDevice()) devices.set(host, deviceSpecifier(host, 'char', source.rdev));
      if (source.isBlockDevice()) devices.set(host, deviceSpecifier(host, 'block', source.rdev));
    } catch (cause) {
      throw new SdmeError('not-found', `bind host path does not exist: ${host}`, { cause });
    }
  }
  return devices;
}
