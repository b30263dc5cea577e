import { existsSync } from 'node:fs';
import { SdmeError } from '../base/errors.ts';
import { type Bus, connectBus, type WaitOptions } from '../system/systemd/bus.ts';
import { systemdVersion } from '../system/systemd/version.ts';

/** The oldest systemd whose nspawn and D-Bus interfaces do what is asked of them (contract 1.1). */
const oldest = 255;

/**
 * The number of a version of systemd such as `257.8-1` or `v255`: its leading digits (contract 1.1, "Systemd floor").
 * @throws SdmeError `system.unsupported` when it is too old
 */
export function supportedSystemd(version: string): number {
  const found = /^v?([0-9]+)/.exec(version)?.[1];
  if (found !== undefined && Number(found) >= oldest) return Number(found);
  throw new SdmeError(
    'system.unsupported',
    `systemd ${oldest} or later is required (found ${found ?? JSON.stringify(version)})`,
  );
}

/** The number of the host's systemd. @throws SdmeError `system.unsupported` when it is too old; `dbus` */
export async function demandSystemd(bus: Bus, options: WaitOptions = {}): Promise<number> {
  return supportedSystemd(await systemdVersion(bus, options));
}

/**
 * Checks the host's systemd. @param options.orNone what is asked for works without systemd too (sd_booted(3))
 * @throws SdmeError `system.unsupported` when it is too old, `dbus` when it does not answer
 */
export async function requireSystemd(options: { readonly orNone?: boolean } = {}): Promise<void> {
  if (options.orNone === true && !existsSync('/run/systemd/system')) return;
  await using bus = await connectBus();
  await demandSystemd(bus);
}
