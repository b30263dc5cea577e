import type { Layout } from '../base/paths.ts';
import { type ArgumentFacts, nspawnArguments } from './arguments.ts';
import { layerMounts, layersOf } from './layer-mounts.ts';
import { unixExportPath } from './nspawn-leftovers.ts';
import type { ContainerRecord } from './record.ts';
import { escapeSpecifiers, quoteCommand } from './unit-quote.ts';

/** Absolute paths of the programs a unit calls. */
export interface UnitPrograms {
  readonly nspawn: string;
  readonly mount: string;
  readonly umount: string;
  readonly nsenter: string;
  readonly busctl: string;
}

export interface NspawnConfOptions {
  readonly record: ContainerRecord;
  readonly layout: Pick<Layout, 'containerDir' | 'rootfsDir'>;
  readonly programs: UnitPrograms;
  readonly facts: ArgumentFacts;
  /** Mount points below the host's root that a host-root clone overlays too, e.g. `/home`. */
  readonly submounts: readonly string[];
  /** Network namespace file of the container's pod. */
  readonly podNetns: string | undefined;
  /** Setting `restart_sec`, for records without their own. */
  readonly restartSec: number;
}

function restartLines(record: ContainerRecord, restartSec: number): string[] {
  if (record.RESTART_POLICY !== 'on-failure') return [];
  return ['Restart=on-failure', `RestartSec=${record.RESTART_SEC ?? restartSec}s`];
}

function mountLines({ record, layout, programs, submounts }: NspawnConfOptions): string[] {
  return layerMounts(record, layersOf(record, layout, submounts)).map(
    (mount) => `ExecStartPre=${mount.optional ? '-' : ''}${quoteCommand(programs.mount, mount.arguments)}`,
  );
}

/**
 * A killed nspawn leaves a mount and its registration, and the automatic restart would be refused for either. After
 * an orderly end there is neither, and these commands fail without effect.
 */
function leftoverLines(container: string, { umount, busctl }: UnitPrograms): string[] {
  const machined = [
    'org.freedesktop.machine1',
    '/org/freedesktop/machine1',
    'org.freedesktop.machine1.Manager',
  ];
  const unregister = ['--quiet', 'call', ...machined, 'UnregisterMachine', 's', container];
  return [
    `ExecStopPost=-${quoteCommand(umount, ['--quiet', unixExportPath(container)])}`,
    `ExecStopPost=-${quoteCommand(busctl, unregister)}`,
  ];
}

function unmountLines({ record, layout, programs, submounts }: NspawnConfOptions): string[] {
  const mounts = layerMounts(record, layersOf(record, layout, submounts));
  const unmounts = mounts
    .reverse()
    .map(({ target }) => `ExecStopPost=-${quoteCommand(programs.umount, [target])}`);
  return record.RESTART_POLICY === 'on-failure'
    ? [...unmounts, ...leftoverLines(record.NAME, programs)]
    : unmounts;
}

function startLine({ record, layout, programs, facts, podNetns }: NspawnConfOptions): string {
  const args = [
    `--directory=${layout.containerDir(record.NAME)}/merged`,
    `--machine=${record.NAME}`,
    '--keep-unit',
    ...nspawnArguments(record, facts),
    '--boot',
  ];
  const command =
    podNetns === undefined
      ? quoteCommand(programs.nspawn, args)
      : quoteCommand(programs.nsenter, [`--net=${podNetns}`, '--', programs.nspawn, ...args]);
  return `ExecStart=${command}`;
}

/** The text of a container's `nspawn.conf` (contract 3.2). @throws SdmeError `config.invalid`, `input.invalid` */
export function nspawnConfText(options: NspawnConfOptions): string {
  const { record } = options;
  return [
    '[Service]',
    ...(record.SYSTEMD_LOG_LEVEL === undefined
      ? []
      : [`Environment=SYSTEMD_LOG_LEVEL=${escapeSpecifiers(record.SYSTEMD_LOG_LEVEL)}`]),
    ...(record.APPARMOR_PROFILE === undefined
      ? []
      : [`AppArmorProfile=${escapeSpecifiers(record.APPARMOR_PROFILE)}`]),
    ...restartLines(record, options.restartSec),
    'ExecStart=',
    ...mountLines(options),
    startLine(options),
    ...unmountLines(options),
    '',
  ].join('\n');
}
