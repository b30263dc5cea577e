import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { confinementOf } from '../system/confinement.ts';
import { ownLinks } from '../system/network-links.ts';
import { connectBus } from '../system/systemd/bus.ts';
import { ownMachine } from './own-machine.ts';
import { type SecurityReport, securityReport } from './security-report.ts';
import { hasUnaskedInterfaces } from './security-rows.ts';
import { readRecord } from './state-file.ts';
import { filtersNotHeeded } from './system-call-filters.ts';

/**
 * How a running container is confined: what was asked for, and what the kernel says of its PID 1.
 * @throws SdmeError `not-found`, `state.conflict` when it does not run or ends meanwhile, `io`, `dbus`
 */
export async function readSecurity(
  layout: Layout,
  container: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<SecurityReport> {
  const record = await readRecord(layout, container);
  await using bus = await connectBus(options);
  const leader = async (): Promise<number | undefined> => (await ownMachine(bus, container, options))?.leader;
  const pid = await leader();
  const confinement = pid === undefined ? undefined : await confinementOf(pid);
  const made =
    pid !== undefined && confinement !== undefined && hasUnaskedInterfaces(record, confinement)
      ? await ownLinks(pid, options)
      : [];
  // A process id may have gone to another process; while the machine has it, it is the machine's.
  if (confinement === undefined || (await leader()) !== pid) {
    throw new SdmeError('state.conflict', `container '${container}' is not running`, {
      facts: { container },
    });
  }
  const command = confinement.parentCommand;
  const unheeded = await filtersNotHeeded(record.SYSCALL_FILTER, command, options);
  return securityReport(record, confinement, { unheeded, made });
}
