import type { Bus, WaitOptions } from './bus.ts';
import { manager } from './units.ts';

/** Makes systemd read all unit files again. May take seconds on a busy host. */
export async function reloadUnits(bus: Bus, options: WaitOptions = {}): Promise<void> {
  await bus.call({ ...manager, member: 'Reload' }, { timeoutMs: 90_000, ...options });
}

/** Makes units start at boot. Does not read unit files again. @throws SdmeError `dbus` */
export async function enableUnits(
  bus: Bus,
  units: readonly string[],
  options: WaitOptions = {},
): Promise<void> {
  const body = [[...units], false, true];
  await bus.call({ ...manager, member: 'EnableUnitFiles', signature: 'asbb', body }, options);
}

/** Undoes {@link enableUnits}. @throws SdmeError `dbus` */
export async function disableUnits(
  bus: Bus,
  units: readonly string[],
  options: WaitOptions = {},
): Promise<void> {
  const body = [[...units], false];
  await bus.call({ ...manager, member: 'DisableUnitFiles', signature: 'asb', body }, options);
}
