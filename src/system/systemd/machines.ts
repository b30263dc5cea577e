import { isIPv4 } from 'node:net';
import { z } from 'zod';
import type { Bus, BusMatch, WaitOptions } from './bus.ts';
import { busErrorName } from './bus-error.ts';
import { pathElement } from './object-path.ts';
import { getProperties } from './properties.ts';

const service = 'org.freedesktop.machine1';
const managerInterface = 'org.freedesktop.machine1.Manager';
const manager = {
  destination: service,
  path: '/org/freedesktop/machine1',
  interface: managerInterface,
} as const;

/** What machined knows of a running machine (org.freedesktop.machine1(5), "Machine Objects"). */
export interface Machine {
  readonly name: string;
  /** `opening`, `running`, `closing`, `abandoned`. */
  readonly state: string;
  /** Process id of the container's PID 1, on the host. */
  readonly leader: number;
  /** The unit it runs in, e.g. `sdme@web.service`. */
  readonly unit: string;
}

/**
 * machined's answer when it knows no such machine, or the machine ended between two calls. The last one is ESRCH: its
 * PID 1 has ended, and machined has not let go of it yet (sd_bus_error_set_errno(3)).
 */
const absences: readonly string[] = [
  'org.freedesktop.machine1.NoSuchMachine',
  'org.freedesktop.DBus.Error.UnknownObject',
  'org.freedesktop.DBus.Error.UnixProcessIdUnknown',
];

async function unlessAbsent<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    const name = busErrorName(error);
    if (name !== undefined && absences.includes(name)) return undefined;
    throw error;
  }
}

/** The object of a machine (org.freedesktop.machine1(5), "Machine Objects"). */
export function machinePath(name: string): string {
  return `/org/freedesktop/machine1/machine/${pathElement(name)}`;
}

/** A machine; undefined when none of that name runs. @throws SdmeError `dbus` */
export async function getMachine(
  bus: Bus,
  name: string,
  options: WaitOptions = {},
): Promise<Machine | undefined> {
  const at = { destination: service, path: machinePath(name), of: 'org.freedesktop.machine1.Machine' };
  const values = await unlessAbsent(getProperties(bus, at, options));
  if (values === undefined) return undefined;
  const text = (key: string): string => z.string().parse(values.get(key));
  return {
    name: text('Name'),
    state: text('State'),
    leader: z.number().parse(values.get('Leader')),
    unit: text('Unit'),
  };
}

/** The names of all machines that run. */
export async function listMachineNames(bus: Bus, options: WaitOptions = {}): Promise<string[]> {
  const row = z.tuple([z.string()]).rest(z.unknown());
  const [rows] = z
    .tuple([z.array(row)])
    .parse(await bus.call({ ...manager, member: 'ListMachines' }, options));
  return rows.map(([name]) => name);
}

/** Sends a signal to a machine's PID 1 or to all of its processes; one that is gone gets none. */
export async function killMachine(
  bus: Bus,
  name: string,
  whom: 'leader' | 'all',
  signalNumber: number,
  options: WaitOptions = {},
): Promise<void> {
  const body = [name, whom, signalNumber];
  await unlessAbsent(bus.call({ ...manager, member: 'KillMachine', signature: 'ssi', body }, options));
}

/** Ends a machine at once, by stopping its unit; one that is gone is ended. */
export async function terminateMachine(bus: Bus, name: string, options: WaitOptions = {}): Promise<void> {
  await unlessAbsent(
    bus.call({ ...manager, member: 'TerminateMachine', signature: 's', body: [name] }, options),
  );
}

/** Signals at which machines appear and disappear. */
export const machineSignals: readonly BusMatch[] = ['MachineNew', 'MachineRemoved'].map((member) => ({
  sender: service,
  interface: managerInterface,
  member,
  path: manager.path,
}));

function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((bytes[2 * i] ?? 0) * 256 + (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  // The URL parser has the canonical form of RFC 5952, zeros compressed.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** An address of 4 or 16 bytes as text; undefined for other lengths. */
export function addressText(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) {
    const text = bytes.join('.');
    return isIPv4(text) ? text : undefined;
  }
  return bytes.length === 16 ? ipv6Text(bytes) : undefined;
}

/** The addresses a machine has in its own network, link-local IPv6 ones left out. None for one that is gone. */
export async function machineAddresses(bus: Bus, name: string, options: WaitOptions = {}): Promise<string[]> {
  const request = { ...manager, member: 'GetMachineAddresses', signature: 's', body: [name] };
  const reply = await unlessAbsent(bus.call(request, options));
  if (reply === undefined) return [];
  const bytes = z.union([
    z.instanceof(Uint8Array),
    z.array(z.number()).transform((list) => Uint8Array.from(list)),
  ]);
  const [rows] = z.tuple([z.array(z.tuple([z.number(), bytes]))]).parse(reply);
  return rows
    .map(([, address]) => addressText(address))
    .filter((text): text is string => text !== undefined && !text.startsWith('fe80:'));
}
