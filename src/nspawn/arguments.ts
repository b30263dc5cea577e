import type { Bind } from '../contracts/index.ts';
import { type ContainerRecord, isHostRoot } from './record.ts';

/** A user namespace of the usual size: one slot of nspawn's pool. */
const usualRange = 65_536;
/** Where the container finds the namespace of its applications' pod. */
const ociPodNetns = '/run/sdme/oci-pod-netns';

/** What the record alone does not say; looked up by the caller just before the start. */
export interface ArgumentFacts {
  /** What a device policy calls a host path that is a device node; undefined for others. Such a mount cannot be idmapped. */
  readonly deviceNode: (hostPath: string) => string | undefined;
  /** The pod's network has name servers of its own, so nspawn must leave resolv.conf alone. */
  readonly podHasDns: boolean;
  /** Host path of the namespace that the applications join, for `OCI_POD`. */
  readonly ociPodNetns: string | undefined;
  /** First host UID of the user namespace this program runs in; 0 on a plain host. */
  readonly ownUsernsBase: number;
  /** The calls of all groups that `SYSCALL_FILTER` denies. */
  readonly deniedCalls: readonly string[];
}

/** Facts of a container without pods on a plain host. */
export const plainFacts: ArgumentFacts = {
  deviceNode: () => undefined,
  podHasDns: false,
  ociPodNetns: undefined,
  ownUsernsBase: 0,
  deniedCalls: [],
};

/** A path inside `--bind=`, where nspawn takes `\` as an escape and `:` as a separator (systemd-nspawn(1)). */
function escapeBindPath(path: string): string {
  return path.replaceAll('\\', '\\\\').replaceAll(':', '\\:');
}

/** The argument for one bind mount. `idmapped`: its files are the container's users'. */
export function bindArgument({ host, container, mode }: Bind, idmapped = false): string {
  const flag = mode === 'ro' ? '--bind-ro' : '--bind';
  return `${flag}=${escapeBindPath(host)}:${escapeBindPath(container)}${idmapped ? ':idmap' : ''}`;
}

function networkArguments(record: ContainerRecord, facts: ArgumentFacts): string[] {
  const inPod = record.POD !== undefined;
  return [
    ...(record.PRIVATE_NETWORK !== undefined && !inPod ? ['--private-network'] : []),
    `--resolv-conf=${inPod && facts.podHasDns ? 'off' : 'auto'}`,
    ...(record.NETWORK_VETH === undefined ? [] : ['--network-veth']),
    ...(record.NETWORK_BRIDGE === undefined ? [] : [`--network-bridge=${record.NETWORK_BRIDGE}`]),
    ...(record.NETWORK_ZONE === undefined ? [] : [`--network-zone=${record.NETWORK_ZONE}`]),
    ...record.PORTS.map((rule) => `--port=${rule}`),
  ];
}

function usernsArguments(record: ContainerRecord, facts: ArgumentFacts): string[] {
  if (record.USERNS === undefined) return [];
  const range = record.USERNS_RANGE ?? usualRange;
  const shift = record.USERNS_SHIFT;
  const users = shift === undefined ? 'pick' : `${shift - facts.ownUsernsBase}:${range}`;
  // The tree comes to nspawn with its final owners, so it has none to change.
  if (record.USERNS_MAPPING !== undefined)
    return [`--private-users=${users}`, '--private-users-ownership=off'];
  const wide = record.STORAGE === 'btrfs' ? 'map' : 'off';
  return [`--private-users=${users}`, `--private-users-ownership=${range === usualRange ? 'auto' : wide}`];
}

/** The arguments of systemd-nspawn that a container's record stands for, in the order of contract 3.3. */
export function nspawnArguments(record: ContainerRecord, facts: ArgumentFacts = plainFacts): string[] {
  const userns = record.USERNS !== undefined;
  return [
    ...networkArguments(record, facts),
    // Else nspawn makes directories below the container's /var by name, whatever links lead it to, and shows it the
    // journals of any other machine whose id it took for its own.
    '--link-journal=no',
    ...record.BINDS.map((bind) => bindArgument(bind, userns && facts.deviceNode(bind.host) === undefined)),
    ...record.ENVS.map((env) => `--setenv=${env}`),
    ...(facts.ociPodNetns === undefined
      ? []
      : [bindArgument({ host: facts.ociPodNetns, container: ociPodNetns, mode: 'ro' })]),
    ...usernsArguments(record, facts),
    ...record.DROP_CAPS.map((capability) => `--drop-capability=${capability}`),
    ...record.ADD_CAPS.map((capability) => `--capability=${capability}`),
    ...(record.NO_NEW_PRIVS === undefined ? [] : ['--no-new-privileges=yes']),
    ...(record.READ_ONLY === undefined ? [] : ['--read-only']),
    ...record.SYSCALL_FILTER.map((filter) => `--system-call-filter=${filter}`),
    // nspawn's list names calls by other groups too, and what is denied comes off it only by its very name.
    ...(facts.deniedCalls.length === 0 ? [] : [`--system-call-filter=~${facts.deniedCalls.join(' ')}`]),
  ];
}

/** The overlay's lower directory: the rootfs, or the host's root. */
export function lowerDirectory(record: ContainerRecord, rootfsDir: (rootfs: string) => string): string {
  return isHostRoot(record) ? '/' : rootfsDir(record.ROOTFS);
}
