import { z } from 'zod';
import type { Bus, BusMatch, WaitOptions } from './bus.ts';
import { busErrorName } from './bus-error.ts';
import { pathElement } from './object-path.ts';
import { getProperties } from './properties.ts';

const service = 'org.freedesktop.systemd1';
const managerInterface = 'org.freedesktop.systemd1.Manager';
/** Where systemd's manager is on the bus. */
export const manager = {
  destination: service,
  path: '/org/freedesktop/systemd1',
  interface: managerInterface,
} as const;

/** What systemd knows of a unit (org.freedesktop.systemd1(5), "Unit Objects"). */
export interface UnitState {
  /** `not-found` when there is no such unit. */
  readonly loadState: string;
  /** `active`, `activating`, `deactivating`, `inactive`, `failed` … */
  readonly activeState: string;
  readonly subState: string;
  /** True while a start or stop of it is queued or under way. */
  readonly hasJob: boolean;
}

function unitPath(unit: string): string {
  return `/org/freedesktop/systemd1/unit/${pathElement(unit)}`;
}

/** The state of a unit; one that does not exist is `inactive`. @throws SdmeError `dbus` */
export async function unitState(bus: Bus, unit: string, options: WaitOptions = {}): Promise<UnitState> {
  const at = { destination: service, path: unitPath(unit), of: 'org.freedesktop.systemd1.Unit' };
  const values = await getProperties(bus, at, options);
  const text = (key: string): string => z.string().parse(values.get(key));
  return {
    loadState: text('LoadState'),
    activeState: text('ActiveState'),
    subState: text('SubState'),
    hasJob: z.tuple([z.number(), z.string()]).parse(values.get('Job'))[0] !== 0,
  };
}

/** The states of units, by one call; units that are not loaded are absent. Far cheaper than one call each. */
export async function listUnitStates(
  bus: Bus,
  units: readonly string[],
  options: WaitOptions = {},
): Promise<ReadonlyMap<string, UnitState>> {
  const request = { ...manager, member: 'ListUnitsByNames', signature: 'as', body: [[...units]] };
  const text = z.string();
  const row = z.tuple([text, text, text, text, text, text, text, z.number()]).rest(z.unknown());
  const [rows] = z.tuple([z.array(row)]).parse(await bus.call(request, options));
  return new Map(
    rows.map(([name, , loadState, activeState, subState, , , job]) => [
      name,
      { loadState, activeState, subState, hasJob: job !== 0 },
    ]),
  );
}

/** Asks systemd to send its signals to this connection; it sends none to those who did not ask. */
async function subscribe(bus: Bus, options: WaitOptions): Promise<void> {
  try {
    await bus.call({ ...manager, member: 'Subscribe' }, options);
  } catch (error) {
    if (busErrorName(error) !== 'org.freedesktop.systemd1.AlreadySubscribed') throw error;
  }
}

/** Signals after which a unit's state may have changed. */
function unitSignals(unit: string): BusMatch[] {
  return [
    { sender: service, interface: managerInterface, member: 'JobRemoved', path: manager.path },
    {
      sender: service,
      interface: 'org.freedesktop.DBus.Properties',
      member: 'PropertiesChanged',
      path: unitPath(unit),
    },
  ];
}

/**
 * Asks for a unit's start and returns when systemd took the job, not when it is done; see {@link watchUnit}.
 * @throws SdmeError `dbus`
 */
export async function startUnit(bus: Bus, unit: string, options: WaitOptions = {}): Promise<void> {
  await bus.call({ ...manager, member: 'StartUnit', signature: 'ss', body: [unit, 'replace'] }, options);
}

/** Asks for a unit's stop; a unit that is not loaded is stopped already. @throws SdmeError `dbus` */
export async function stopUnit(bus: Bus, unit: string, options: WaitOptions = {}): Promise<void> {
  try {
    await bus.call({ ...manager, member: 'StopUnit', signature: 'ss', body: [unit, 'replace'] }, options);
  } catch (error) {
    if (busErrorName(error) !== 'org.freedesktop.systemd1.NoSuchUnit') throw error;
  }
}

/** Takes a unit out of `failed`; one that is not loaded has not failed. @throws SdmeError `dbus` */
export async function resetFailedUnit(bus: Bus, unit: string, options: WaitOptions = {}): Promise<void> {
  try {
    await bus.call({ ...manager, member: 'ResetFailedUnit', signature: 's', body: [unit] }, options);
  } catch (error) {
    if (busErrorName(error) !== 'org.freedesktop.systemd1.NoSuchUnit') throw error;
  }
}

/** The signals after which a unit's state may have changed, for `waitForChange`; systemd sends them from now on. */
export async function watchUnit(bus: Bus, unit: string, options: WaitOptions = {}): Promise<BusMatch[]> {
  await subscribe(bus, options);
  return unitSignals(unit);
}
