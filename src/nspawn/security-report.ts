import { type Capability, capabilitiesOfMask, parseCapabilities } from '../base/capabilities.ts';
import { dockerCapabilities, dockerDefault, retainedCapabilities, unconfined } from '../security/index.ts';
import type { Confinement, NamespaceKind } from '../system/confinement.ts';
import type { ContainerRecord } from './record.ts';

/** One mechanism that keeps a container from its host. */
export interface SecurityRow {
  readonly mechanism: string;
  readonly asked_for: string;
  /** What the kernel says of the container's PID 1. */
  readonly in_force: string;
  readonly docker_default: string;
  /** What is in force is as tight as what was asked for, or tighter. */
  readonly as_asked: boolean;
}

/** How a running container is confined, as `security show --json` prints it. */
export interface SecurityReport {
  readonly name: string;
  readonly mechanisms: readonly SecurityRow[];
  readonly capabilities: {
    readonly asked_for: readonly Capability[];
    readonly in_force: readonly Capability[];
    readonly docker_default: readonly Capability[];
  };
  /** Filters asked for on top of nspawn's own list. */
  readonly system_call_filters: readonly string[];
  readonly cgroup: string;
}

type Row = Omit<SecurityRow, 'docker_default'>;

const yesOrNo = (value: boolean): string => (value ? 'yes' : 'no');

/** A mechanism that is on or off. */
function flagRow(mechanism: string, asked: boolean, inForce: boolean): Row {
  return {
    mechanism,
    asked_for: yesOrNo(asked),
    in_force: yesOrNo(inForce),
    as_asked: inForce || !asked,
  };
}

function namespaceRow(kind: NamespaceKind, name: string, { ownNamespaces }: Confinement): Row {
  const own = ownNamespaces.has(kind);
  return {
    mechanism: `${name} namespace`,
    asked_for: 'own',
    in_force: own ? 'own' : "the host's",
    as_asked: own,
  };
}

function userRow(record: ContainerRecord, { ownNamespaces, userMap }: Confinement): Row {
  const asked = record.USERNS !== undefined;
  const own = ownNamespaces.has('user');
  const root = userMap.find(({ inside }) => inside === 0);
  const outside = root === undefined ? 'nobody' : String(root.outside);
  return {
    mechanism: 'user namespace',
    asked_for: asked ? 'own' : 'no',
    in_force: own ? `own: root is ${outside}` : 'no: root is root',
    // Users of its own whose root is the host's would be worth nothing.
    as_asked: !asked || (own && root?.outside !== 0),
  };
}

function askedNetwork(record: ContainerRecord): string {
  const { POD, NETWORK_VETH, NETWORK_BRIDGE, NETWORK_ZONE } = record;
  if (POD !== undefined) return `own: pod ${POD}`;
  if (record.PRIVATE_NETWORK === undefined) return "the host's";
  const links = [
    ...(NETWORK_VETH === undefined ? [] : ['veth']),
    ...(NETWORK_BRIDGE === undefined ? [] : [`bridge ${NETWORK_BRIDGE}`]),
    ...(NETWORK_ZONE === undefined ? [] : [`zone ${NETWORK_ZONE}`]),
  ];
  return links.length === 0 ? 'own: loopback only' : `own: ${links.join(', ')}`;
}

function networkRow(record: ContainerRecord, { ownNamespaces, interfaces }: Confinement): Row {
  const own = ownNamespaces.has('net');
  return {
    mechanism: 'network namespace',
    asked_for: askedNetwork(record),
    in_force: own ? `own: ${interfaces.join(', ')}` : "the host's",
    as_asked: own || (record.PRIVATE_NETWORK === undefined && record.POD === undefined),
  };
}

function capabilityRow(asked: readonly Capability[], inForce: readonly Capability[]): Row {
  return {
    mechanism: 'capabilities',
    asked_for: `${asked.length}`,
    in_force: `${inForce.length}`,
    as_asked: inForce.every((capability) => asked.includes(capability)),
  };
}

function filterRow(record: ContainerRecord, { seccompFilters }: Confinement): Row {
  const own = record.SYSCALL_FILTER.length;
  return {
    mechanism: 'system call filter',
    asked_for: own === 0 ? "nspawn's" : `nspawn's and ${own} more`,
    in_force: seccompFilters === 0 ? 'no' : `yes: ${seccompFilters} programs`,
    as_asked: seccompFilters > 0,
  };
}

function apparmorRow(record: ContainerRecord, { apparmor }: Confinement): Row {
  const asked = record.APPARMOR_PROFILE;
  const confined = apparmor !== undefined && apparmor !== unconfined;
  const without = apparmor === undefined ? 'no: not in this kernel' : 'no';
  return {
    mechanism: 'AppArmor profile',
    asked_for: asked ?? 'no',
    in_force: confined ? apparmor : without,
    as_asked: asked === undefined || asked === unconfined || apparmor?.replace(/ \([a-z]+\)$/, '') === asked,
  };
}

function settingsRow({ readOnlySettings }: Confinement): Row {
  return {
    mechanism: 'kernel settings',
    asked_for: 'read-only',
    in_force: readOnlySettings ? 'read-only' : 'writable',
    as_asked: readOnlySettings,
  };
}

/** The capabilities that a record asks for. */
function askedCapabilities(record: ContainerRecord): Capability[] {
  return retainedCapabilities({
    // In a pod the network is made by somebody else, and nspawn is not told to make one.
    privateNetwork: record.PRIVATE_NETWORK !== undefined && record.POD === undefined,
    userns: record.USERNS !== undefined,
    added: parseCapabilities(record.ADD_CAPS),
    dropped: parseCapabilities(record.DROP_CAPS),
  });
}

/** What a container was asked to be held to, beside what the kernel holds its PID 1 to and what Docker does. */
export function securityReport(record: ContainerRecord, confinement: Confinement): SecurityReport {
  const asked = askedCapabilities(record);
  const inForce = capabilitiesOfMask(confinement.boundingSet).sort();
  const row = ({ mechanism, asked_for, in_force, as_asked }: Row, docker: string): SecurityRow => ({
    mechanism,
    asked_for,
    in_force,
    docker_default: docker,
    as_asked,
  });
  const namespace = (kind: NamespaceKind, name: string): Row => namespaceRow(kind, name, confinement);
  const { noNewPrivileges, readOnlyRoot } = confinement;
  return {
    name: record.NAME,
    mechanisms: [
      row(userRow(record, confinement), dockerDefault.user),
      row(namespace('pid', 'PID'), dockerDefault.pid),
      row(namespace('ipc', 'IPC'), dockerDefault.ipc),
      row(namespace('uts', 'hostname'), dockerDefault.uts),
      row(namespace('mnt', 'mount'), dockerDefault.mnt),
      row(namespace('cgroup', 'cgroup'), dockerDefault.cgroup),
      row(networkRow(record, confinement), dockerDefault.net),
      row(
        flagRow('no new privileges', record.NO_NEW_PRIVS !== undefined, noNewPrivileges),
        dockerDefault.noNewPrivileges,
      ),
      row(capabilityRow(asked, inForce), dockerDefault.capabilities),
      row(filterRow(record, confinement), dockerDefault.systemCallFilter),
      row(apparmorRow(record, confinement), dockerDefault.apparmor),
      row(
        flagRow('read-only root', record.READ_ONLY !== undefined, readOnlyRoot),
        dockerDefault.readOnlyRoot,
      ),
      row(settingsRow(confinement), dockerDefault.kernelSettings),
    ],
    capabilities: { asked_for: asked, in_force: inForce, docker_default: dockerCapabilities },
    system_call_filters: record.SYSCALL_FILTER,
    cgroup: confinement.cgroup,
  };
}
