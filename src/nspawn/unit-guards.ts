import { idsToLookUp } from '../security/uid-ranges.ts';
import { unixExportPath } from './nspawn-leftovers.ts';
import type { ContainerRecord } from './record.ts';
import { unitName } from './template-unit.ts';
import { quoteCommand } from './unit-quote.ts';
import { uidRangeOf } from './user-range.ts';

/*
 * systemd also starts and ends a container by itself, at boot and after a failure. What a start of ours finds out about
 * others beforehand, the unit asks for with these commands.
 */

/** Absolute paths of the programs that the commands call. */
export interface GuardPrograms {
  readonly sh: string;
  readonly umount: string;
  readonly busctl: string;
  readonly machinectl: string;
  readonly getent: string;
}

const machined = [
  'org.freedesktop.machine1',
  '/org/freedesktop/machine1',
  'org.freedesktop.machine1.Manager',
];

const refuseForeignIds = [
  'getent=$1 busctl=$2; shift 2;',
  'for id do',
  'if { "$getent" passwd "$id" || "$getent" group "$id" ||',
  `"$busctl" call ${machined.join(' ')} MapToMachineUser u "$id"; } >/dev/null 2>&1; then`,
  'echo "id $id is of an account or a running machine now; sdme start gives the container others" >&2;',
  'exit 1; fi; done',
].join(' ');

const refuseNamesake = [
  'unit=$("$1" show --property=Unit --value "$3" 2>/dev/null);',
  'case "$unit" in ""|"$2") ;; *)',
  'echo "machine $3 of $unit is running; end it first" >&2; exit 1 ;; esac',
].join(' ');

const clearOwn = [
  'unit=$("$1" show --property=Unit --value "$5" 2>/dev/null);',
  'case "$unit" in ""|"$4") ;; *) exit 0 ;; esac;',
  '"$2" --quiet "$6";',
  `"$3" --quiet call ${machined.join(' ')} UnregisterMachine s "$5"`,
].join(' ');

function shellCommand(sh: string, script: string, ...words: string[]): string {
  return quoteCommand(sh, ['-c', script, 'sh', ...words]);
}

/**
 * Keeps a container from being started with ids that an account or a running machine got while it was stopped
 * (contract 4.4): those at both ends of its range, as nspawn asks for them when it picks one.
 */
export function foreignIdsLines(record: ContainerRecord, { sh, getent, busctl }: GuardPrograms): string[] {
  const range = uidRangeOf(record);
  if (range === undefined) return [];
  const ids = idsToLookUp(range).map(String);
  return [`ExecStartPre=${shellCommand(sh, refuseForeignIds, getent, busctl, ...ids)}`];
}

/**
 * Keeps a container from being started beside a machine of somebody else that has its name: nspawn would end without
 * it, but clear away that one's directories below /run.
 */
export function namesakeLine({ NAME }: ContainerRecord, { sh, machinectl }: GuardPrograms): string {
  return `ExecStartPre=${shellCommand(sh, refuseNamesake, machinectl, unitName(NAME), NAME)}`;
}

/**
 * A killed nspawn leaves a mount and its registration, and the automatic restart would be refused for either. After
 * an orderly end there is neither, and this has no effect; what is a machine's of somebody else, who has the name by
 * then, is left alone.
 */
export function leftoverLines({ NAME }: ContainerRecord, programs: GuardPrograms): string[] {
  const { sh, umount, busctl, machinectl } = programs;
  const words = [machinectl, umount, busctl, unitName(NAME), NAME, unixExportPath(NAME)];
  return [`ExecStopPost=-${shellCommand(sh, clearOwn, ...words)}`];
}
