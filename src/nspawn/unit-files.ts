import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { findProgram } from '../system/exec/find-program.ts';
import { errnoOf } from '../system/failure.ts';
import { waitForLock } from '../system/fs/locks.ts';
import { replaceFileIfChanged } from '../system/fs/replace-file.ts';
import type { Bus, WaitOptions } from '../system/systemd/bus.ts';
import { reloadUnits } from '../system/systemd/unit-files.ts';
import { plainFacts } from './arguments.ts';
import { demandPlainSources } from './bind-sources.ts';
import { boundDevices } from './bound-devices.ts';
import type { ContainerDeps } from './deps.ts';
import { limitsConfText } from './limits-conf.ts';
import { withBindDestinations } from './link-guard.ts';
import { nspawnConfText, type UnitPrograms } from './nspawn-conf.ts';
import type { ContainerRecord } from './record.ts';
import { deniedCalls } from './system-call-filters.ts';
import { demandSystemd } from './systemd-floor.ts';
import { dropInDirectory, templateUnitName, templateUnitText, unitDirectory } from './template-unit.ts';

async function findPrograms(): Promise<UnitPrograms> {
  return {
    nspawn: await findProgram('systemd-nspawn'),
    mount: await findProgram('mount'),
    umount: await findProgram('umount'),
    nsenter: await findProgram('nsenter'),
    busctl: await findProgram('busctl'),
    getent: await findProgram('getent'),
    timeout: await findProgram('timeout'),
    sh: await findProgram('sh'),
  };
}

async function writeLimits(record: ContainerRecord): Promise<boolean> {
  const directory = dropInDirectory(record.NAME);
  const path = join(directory, 'limits.conf');
  const text = limitsConfText(record);
  if (text !== undefined) {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    return replaceFileIfChanged(path, text, 0o644);
  }
  try {
    await rm(path);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return false;
    throw new SdmeError('io', `cannot remove ${path}`, { cause });
  }
  if ((await readdir(directory)).length === 0) await rmdir(directory);
  return true;
}

/** Writes `limits.conf`, or removes it when the record has no limit, and tells systemd (contract 3.4). */
export async function applyLimits(bus: Bus, record: ContainerRecord, options: WaitOptions): Promise<void> {
  if (await writeLimits(record)) await reloadUnits(bus, options);
}

/** Jobs of different containers share the template, so it has a lock of its own. */
async function writeTemplate(layout: Layout, text: string, signal: AbortSignal): Promise<boolean> {
  await using _lock = await waitForLock(
    layout,
    { kind: 'storage', name: 'template', mode: 'exclusive' },
    signal,
  );
  return await replaceFileIfChanged(join(unitDirectory, templateUnitName), text, 0o644);
}

/**
 * Writes the template unit and the container's drop-ins, each only when it changed, and tells systemd when any
 * did (contract 3.1, 3.2, 3.4). `submounts`: host mount points a host-root clone overlays too.
 *
 * @throws SdmeError `state.conflict` when a bind source is not what it was, `not-found`, `io`, `dbus`
 */
export async function writeUnits(
  bus: Bus,
  record: ContainerRecord,
  submounts: readonly string[],
  { layout, settings }: ContainerDeps,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const version = await demandSystemd(bus, options);
  const template = templateUnitText({
    tasksMax: settings.tasks_max,
    bootTimeout: settings.boot_timeout,
    systemdVersion: version,
  });
  await demandPlainSources(record, layout);
  const devices = await boundDevices(record);
  const conf = nspawnConfText({
    record: withBindDestinations(record, layout),
    layout,
    programs: await findPrograms(),
    facts: {
      ...plainFacts,
      deviceNode: (path) => devices.get(path),
      deniedCalls: await deniedCalls(record.SYSCALL_FILTER, options),
    },
    submounts,
    podNetns: undefined,
    restartSec: settings.restart_sec,
  });
  const directory = dropInDirectory(record.NAME);
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const changes = [
    await writeTemplate(layout, template, options.signal),
    await replaceFileIfChanged(join(directory, 'nspawn.conf'), conf, 0o644),
    await writeLimits(record),
  ];
  if (changes.includes(true)) await reloadUnits(bus, options);
}

/** Removes a container's drop-ins and tells systemd; the template stays for the others. */
export async function removeUnits(bus: Bus, container: string, options: WaitOptions): Promise<void> {
  const directory = dropInDirectory(container);
  try {
    await rm(directory, { recursive: true });
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return;
    throw new SdmeError('io', `cannot remove ${directory}`, { cause });
  }
  await reloadUnits(bus, options);
}
