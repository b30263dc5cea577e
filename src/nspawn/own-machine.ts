import type { Bus, WaitOptions } from '../system/systemd/bus.ts';
import { getMachine, type Machine } from '../system/systemd/machines.ts';
import { unitName } from './template-unit.ts';

/**
 * A container's machine as machined knows it; undefined while there is none. One of that name which runs in another
 * unit is somebody else's: nothing may be run in it, and it must not be ended. @throws SdmeError `dbus`
 */
export async function ownMachine(
  bus: Bus,
  container: string,
  options: WaitOptions = {},
): Promise<Machine | undefined> {
  const machine = await getMachine(bus, container, options);
  return machine?.unit === unitName(container) ? machine : undefined;
}
