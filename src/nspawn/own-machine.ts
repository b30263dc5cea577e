import { SdmeError } from '../base/errors.ts';
import type { Bus, WaitOptions } from '../system/systemd/bus.ts';
import { getMachine, type Machine } from '../system/systemd/machines.ts';
import { unitName } from './template-unit.ts';

/*
 * A machine that has a container's name and runs in another unit is somebody else's: nothing may be run in it, it must
 * not be ended, and what lies below /run under that name is its own.
 */

const isOwn = (machine: Machine): boolean => machine.unit === unitName(machine.name);

/** A container's machine as machined knows it; undefined while there is none. @throws SdmeError `dbus` */
export async function ownMachine(
  bus: Bus,
  container: string,
  options: WaitOptions = {},
): Promise<Machine | undefined> {
  const machine = await getMachine(bus, container, options);
  return machine !== undefined && isOwn(machine) ? machine : undefined;
}

/** True while somebody else's machine has the name of a container. @throws SdmeError `dbus` */
export async function hasNamesake(bus: Bus, container: string, options: WaitOptions): Promise<boolean> {
  const machine = await getMachine(bus, container, options);
  return machine !== undefined && !isOwn(machine);
}

/** Refuses to start a container beside its namesake. @throws SdmeError `state.conflict`, `dbus` */
export async function refuseNamesake(bus: Bus, container: string, options: WaitOptions): Promise<void> {
  if (!(await hasNamesake(bus, container, options))) return;
  throw new SdmeError(
    'state.conflict',
    `a machine '${container}' of somebody else is running; end it first`,
    {
      facts: { container },
    },
  );
}
