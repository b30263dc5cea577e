import { existsSync } from 'node:fs';
import { SdmeError } from '../base/errors.ts';
import { connectBus } from '../system/systemd/bus.ts';
import { systemdVersion } from '../system/systemd/version.ts';

/** The oldest systemd whose nspawn and D-Bus interfaces do what is asked of them (contract 1.1). */
const oldest = 255;

/**
 * What is wrong with a version of systemd such as `257.8-1` or `v255`, or undefined when it is new enough.
 * Leading digits count (contract 1.1, "Systemd floor").
 */
export function systemdProblem(version: string): string | undefined {
  const found = /^v?([0-9]+)/.exec(version)?.[1];
  if (found !== undefined && Number(found) >= oldest) return undefined;
  return `systemd ${oldest} or later is required (found ${found ?? JSON.stringify(version)})`;
}

/**
 * Checks the host's systemd. @param options.orNone what is asked for works without systemd too (sd_booted(3))
 * @throws SdmeError `system.unsupported` when it is too old, `dbus` when it does not answer
 */
export async function requireSystemd(options: { readonly orNone?: boolean } = {}): Promise<void> {
  if (options.orNone === true && !existsSync('/run/systemd/system')) return;
  await using bus = await connectBus();
  const problem = systemdProblem(await systemdVersion(bus));
  if (problem !== undefined) throw new SdmeError('system.unsupported', problem);
}
