import type { Bus, WaitOptions } from './bus.ts';
import { getProperty } from './properties.ts';

/** The version of the systemd that runs as PID 1, e.g. `257.8-1~deb13u2`. @throws SdmeError `dbus` */
export async function systemdVersion(bus: Bus, options: WaitOptions = {}): Promise<string> {
  const at = { destination: 'org.freedesktop.systemd1', path: '/org/freedesktop/systemd1' };
  const of = 'org.freedesktop.systemd1.Manager';
  return String(await getProperty(bus, { ...at, of, name: 'Version' }, options));
}
