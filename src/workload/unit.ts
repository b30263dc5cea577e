import type { WorkloadUser } from '../oci/index.ts';
import { workloadCapabilities } from '../security/index.ts';
import { plainValue, quoteWord } from './quote.ts';
import type { StopSignal } from './stop-signal.ts';

/** Where things lie in an application's root. */
export const isolateDirectory = '/usr/sbin';
export const isolateName = 'sdme-isolate';
export const shimPath = '/usr/lib/sdme-devfd-shim.so';
export const wrapperPath = '/.sdme-exec.sh';

/** The directives that every application's unit has (security model, Part 2). */
const hardening = [
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'ProtectClock=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'ProtectProc=invisible',
  'ProcSubset=pid',
] as const;

/**
 * What `RootDirectory=` alone would leave shared: MountAPIVFS= shows the container's own /dev and /sys, with its
 * terminals, shared memory and message queues, all writable to a root workload. `isolate` mounts /dev/pts anew. It also
 * shows the sockets of the container's journal, which from root takes lines in the name of other units
 * (systemd.journal-fields(7), OBJECT_PID=); versions before 257 of systemd pass over the setting. In a user namespace of its own a workload would hold CAP_SYS_ADMIN again and could mount a /proc with /proc/sys in it.
 * `+` makes a path one of the workload's root (systemd.exec(5)); without it, it means the container's.
 */
const separation = [
  'RestrictNamespaces=~user',
  'ReadOnlyPaths=-+/dev -+/sys',
  'InaccessiblePaths=-+/dev/mqueue -+/dev/hugepages',
  'TemporaryFileSystem=/dev/shm:mode=1777,size=50%',
  'BindLogSockets=no',
] as const;

/** Names resolve as in the container around it; what an image brings are leftovers of where it was built. */
const names = 'BindReadOnlyPaths=-/etc/hosts -/etc/resolv.conf';

/**
 * What systemd takes for an orderly end when it comes as a signal: HUP, INT, PIPE, TERM (systemd.service(5),
 * `SuccessExitStatus=`). `isolate` ends with 128 + signal, so the same ends are named by code.
 */
const cleanExitCodes = [129, 130, 141, 143];

/** One workload as its unit runs it. */
export interface WorkloadUnit {
  /** An object name. */
  readonly name: string;
  /** The image, for people. */
  readonly reference: string;
  readonly user: WorkloadUser;
  /** The directory of its root that `isolate` is in, over no link; default: {@link isolateDirectory}. */
  readonly programs?: string;
  readonly workingDirectory: string;
  readonly command: readonly string[];
  readonly stopSignal?: StopSignal | undefined;
}

/** The unit's name: `sdme-oci-<app>.service`. */
export function workloadUnitName(application: string): string {
  return `sdme-oci-${application}.service`;
}

const isolatePath = ({ programs = isolateDirectory }: Pick<WorkloadUnit, 'programs'>): string =>
  `${programs}/${isolateName}`;

/** The `ExecStart=` of a workload. */
export function execStart(
  unit: Pick<WorkloadUnit, 'user' | 'programs' | 'workingDirectory' | 'command'>,
): string {
  const { user, workingDirectory, command } = unit;
  const words = [String(user.uid), String(user.gid), workingDirectory, ...command];
  return `ExecStart=${[isolatePath(unit), ...words].map(quoteWord).join(' ')}`;
}

/**
 * `isolate` is executed with CAP_SYS_ADMIN, in a root whose files a root workload may replace. So what is executed is
 * a copy outside of that root, mounted over its place, and no part of the place may be a link: one to where systemd
 * mounts something afterwards would be followed to one file by the mount and to another by the execution.
 */
function trustedIsolate(unit: WorkloadUnit): { readonly asserts: string[]; readonly bind: string } {
  const path = isolatePath(unit);
  const parts = path.slice(1).split('/');
  const places = parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
  return {
    asserts: places.map((place) => `AssertPathIsSymbolicLink=!/oci/apps/${unit.name}/root/${place}`),
    bind: `BindReadOnlyPaths=/oci/apps/${unit.name}/isolate:${path}`,
  };
}

/** How it is stopped: once, by way of the supervisor, which passes signals on; what outlives that is killed. */
function stopLines({ stopSignal }: WorkloadUnit): string[] {
  const codes = [...cleanExitCodes, ...(stopSignal === undefined ? [] : [128 + stopSignal.number])];
  const inOrder = [...new Set(codes)].sort((a, b) => a - b);
  // The one signal that the supervisor cannot take for the workload.
  const killed = stopSignal?.name === 'SIGKILL' ? [stopSignal.name] : [];
  return [
    'KillMode=mixed',
    ...(stopSignal === undefined ? [] : [`KillSignal=${stopSignal.name}`]),
    `SuccessExitStatus=${[...inOrder, ...killed].join(' ')}`,
  ];
}

/** The text of an application's unit (contract 3.5). No text of a stranger can add a line or a word to it. */
export function workloadUnitText(unit: WorkloadUnit): string {
  const { name } = unit;
  const root = `/oci/apps/${name}`;
  const isolate = trustedIsolate(unit);
  return [
    `# ${plainValue(unit.reference)}`,
    '[Unit]',
    `Description=OCI app: ${name} (${plainValue(unit.reference)})`,
    'After=network.target',
    ...isolate.asserts,
    '',
    '[Service]',
    'Type=exec',
    `RootDirectory=${root}/root`,
    'MountAPIVFS=yes',
    `Environment=LD_PRELOAD=${shimPath}`,
    `EnvironmentFile=-${root}/env`,
    isolate.bind,
    execStart(unit),
    // Or the journal would name every line after `isolate`.
    `SyslogIdentifier=${name}`,
    ...stopLines(unit),
    `CapabilityBoundingSet=${workloadCapabilities.join(' ')}`,
    'NoNewPrivileges=yes',
    ...hardening,
    ...separation,
    names,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}
