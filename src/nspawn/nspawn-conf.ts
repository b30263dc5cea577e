import type { Layout } from '../base/paths.ts';
import { unconfined } from '../security/index.ts';
import { applicationBindPaths, demandApartBinds } from './application-binds.ts';
import { type ArgumentFacts, bindArgument, nspawnArguments } from './arguments.ts';
import { guardedSources } from './bind-sources.ts';
import { layerMounts, layersOf, submountPaths } from './layer-mounts.ts';
import { guardedPaths } from './link-guard.ts';
import type { ContainerRecord } from './record.ts';
import { pendingFile } from './shift-pending.ts';
import { refuseSymlinks } from './symlinks.ts';
import { foreignIdsLines, type GuardPrograms, leftoverLines, namesakeLine } from './unit-guards.ts';
import { escapeSpecifiers, quoteArgument, quoteCommand } from './unit-quote.ts';

/** Absolute paths of the programs a unit calls. */
export interface UnitPrograms extends GuardPrograms {
  readonly nspawn: string;
  readonly mount: string;
  readonly nsenter: string;
}

export interface NspawnConfOptions {
  /** With bind mounts where they go in the rootfs. */
  readonly record: ContainerRecord;
  readonly layout: Pick<Layout, 'containerDir' | 'rootfsDir' | 'dataDir'>;
  readonly programs: UnitPrograms;
  readonly facts: ArgumentFacts;
  /** Mount points below the host's root that a host-root clone overlays too, e.g. `/home`. */
  readonly submounts: readonly string[];
  /** Network namespace file of the container's pod. */
  readonly podNetns: string | undefined;
  /** Setting `restart_sec`, for records without their own. */
  readonly restartSec: number;
}

/**
 * Lets the container open the device nodes that are bound into it, as nspawn does when it makes the unit itself
 * (systemd-nspawn(1), --bind=; systemd.resource-control(5), DeviceAllow=). The template allows next to none. Of a
 * device that it may open, such as /dev/fuse, nspawn makes a node of its own, and with users of their own ends when it
 * may not; they may make none in any case, whatever the policy says.
 */
function deviceLines({ record, facts }: NspawnConfOptions): string[] {
  return record.BINDS.flatMap(({ host, mode }) => {
    const node = facts.deviceNode(host);
    const access = mode === 'ro' ? 'r' : record.USERNS === undefined ? 'rw' : 'rwm';
    return node === undefined ? [] : [`DeviceAllow=${quoteArgument(node)} ${access}`];
  });
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

/** What must be no symlink is looked at in the mounted tree, which systemd also makes by itself. */
function guardLine({ record, layout, programs, submounts }: NspawnConfOptions): string {
  const inTree = guardedPaths(record, layout, submounts, 'merged').map(({ at }) => at);
  const paths = [...guardedSources(record, layout), ...inTree];
  return `ExecStartPre=${quoteCommand(programs.sh, ['-c', refuseSymlinks, 'sh', ...paths])}`;
}

function unmountLines({ record, layout, programs, submounts }: NspawnConfOptions): string[] {
  const mounts = layerMounts(record, layersOf(record, layout, submounts));
  const unmounts = mounts
    .reverse()
    .map(({ target }) => `ExecStopPost=-${quoteCommand(programs.umount, [target])}`);
  return record.RESTART_POLICY === 'on-failure'
    ? [...unmounts, ...leftoverLines(record, programs)]
    : unmounts;
}

/**
 * The mount points of a host-root clone. nspawn puts them in their places, as it follows a symlink that the container
 * left there within the container's tree; a mount made there beforehand would be made wherever on the host it leads.
 */
function submountArguments({ record, layout, submounts }: NspawnConfOptions): string[] {
  const dir = layout.containerDir(record.NAME);
  const mode = record.READ_ONLY === undefined ? 'rw' : 'ro';
  return submounts.map((mountPoint) =>
    bindArgument({ host: submountPaths(dir, mountPoint).merged, container: mountPoint, mode }),
  );
}

/** systemd also starts a container by itself, at boot and after a failure. */
function assertLines({ record, layout }: NspawnConfOptions): string[] {
  const upper = `${layout.containerDir(record.NAME)}/upper`;
  const lines = applicationBindPaths(record).map(
    (path) => `AssertPathIsSymbolicLink=!${escapeSpecifiers(`${upper}/${path}`)}`,
  );
  if (record.USERNS_MAPPING !== undefined) {
    lines.push(`AssertPathExists=!${escapeSpecifiers(pendingFile(layout, record.NAME))}`);
  }
  // Without AppArmor systemd heeds no profile; with it, it starts nothing in one that is not loaded (systemd.exec(5)).
  if (record.APPARMOR_PROFILE !== undefined && record.APPARMOR_PROFILE !== unconfined) {
    lines.push('AssertSecurity=apparmor');
  }
  return lines.length === 0 ? [] : ['', '[Unit]', ...lines];
}

function startLine(options: NspawnConfOptions): string {
  const { record, layout, programs, facts, podNetns } = options;
  const args = [
    `--directory=${layout.containerDir(record.NAME)}/merged`,
    `--machine=${record.NAME}`,
    '--keep-unit',
    ...nspawnArguments(record, facts),
    ...submountArguments(options),
    '--boot',
  ];
  const command =
    podNetns === undefined
      ? quoteCommand(programs.nspawn, args)
      : quoteCommand(programs.nsenter, [`--net=${podNetns}`, '--', programs.nspawn, ...args]);
  return `ExecStart=${command}`;
}

/**
 * The text of a container's `nspawn.conf` (contract 3.2). Where one mount could lead another one elsewhere there is none,
 * so that systemd cannot start it by itself either.
 *
 * @throws SdmeError `config.invalid`, `input.invalid`, `state.conflict`
 */
export function nspawnConfText(options: NspawnConfOptions): string {
  const { record } = options;
  demandApartBinds(record, options.submounts);
  return [
    '[Service]',
    ...(record.SYSTEMD_LOG_LEVEL === undefined
      ? []
      : [`Environment=SYSTEMD_LOG_LEVEL=${escapeSpecifiers(record.SYSTEMD_LOG_LEVEL)}`]),
    ...(record.APPARMOR_PROFILE === undefined
      ? []
      : [`AppArmorProfile=${escapeSpecifiers(record.APPARMOR_PROFILE)}`]),
    ...restartLines(record, options.restartSec),
    ...deviceLines(options),
    'ExecStart=',
    ...mountLines(options),
    guardLine(options),
    ...foreignIdsLines(record, options.programs),
    namesakeLine(record, options.programs),
    startLine(options),
    ...unmountLines(options),
    ...assertLines(options),
    '',
  ].join('\n');
}
