import { machinePath } from '../system/systemd/machines.ts';
import { clearOwn, refuseForeignIds, refuseNamesake } from './guard-scripts.ts';
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
  readonly getent: string;
  readonly timeout: string;
}

function shellCommand(sh: string, script: string, ...words: string[]): string {
  return quoteCommand(sh, ['-c', script, 'sh', ...words]);
}

/**
 * Keeps a container from being started with ids that an account or a running machine got while it was stopped
 * (contract 4.4).
 */
export function foreignIdsLines(record: ContainerRecord, programs: GuardPrograms): string[] {
  const range = uidRangeOf(record);
  if (range === undefined) return [];
  const { sh, getent, timeout, busctl } = programs;
  const ends = [range.base, range.base + range.size].map(String);
  return [`ExecStartPre=${shellCommand(sh, refuseForeignIds, getent, timeout, busctl, ...ends)}`];
}

/**
 * Keeps a container from being started beside a machine of somebody else that has its name: nspawn would end without
 * it, but clear away that one's directories below /run.
 */
export function namesakeLine({ NAME }: ContainerRecord, { sh, busctl }: GuardPrograms): string {
  return `ExecStartPre=${shellCommand(sh, refuseNamesake, busctl, machinePath(NAME), unitName(NAME))}`;
}

/**
 * A killed nspawn leaves a mount and its registration, and the automatic restart would be refused for either. After
 * an orderly end there is neither, and this has no effect; what is a machine's of somebody else, who has the name by
 * then, is left alone.
 */
export function leftoverLines({ NAME }: ContainerRecord, { sh, umount, busctl }: GuardPrograms): string[] {
  const words = [busctl, machinePath(NAME), unitName(NAME), umount, unixExportPath(NAME), NAME];
  return [`ExecStopPost=-${shellCommand(sh, clearOwn, ...words)}`];
}
