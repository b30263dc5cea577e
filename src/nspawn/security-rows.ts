import { type Capability, capabilitiesOfMask } from '../base/capabilities.ts';
import { unconfined } from '../security/index.ts';
import type { UidRange } from '../security/uid-ranges.ts';
import type { Confinement, NamespaceKind } from '../system/confinement.ts';
import type { UidMapping } from '../system/uid-map.ts';
import { type ContainerRecord, hasInterface } from './record.ts';
import { uidRangeOf } from './user-range.ts';

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

/** What a mechanism was asked to do and does. */
export type Row = Omit<SecurityRow, 'docker_default'>;

const yesOrNo = (value: boolean): string => (value ? 'yes' : 'no');

/** A mechanism that is on or off. */
export function flagRow(mechanism: string, asked: boolean, inForce: boolean): Row {
  return {
    mechanism,
    asked_for: yesOrNo(asked),
    in_force: yesOrNo(inForce),
    as_asked: inForce || !asked,
  };
}

export function namespaceRow(kind: NamespaceKind, name: string, { ownNamespaces }: Confinement): Row {
  const own = ownNamespaces.has(kind);
  return {
    mechanism: `${name} namespace`,
    asked_for: 'own',
    in_force: own ? 'own' : "the host's",
    as_asked: own,
  };
}

/** The ids inside are those of the range outside and no others; without a range, nobody inside is the host's root. */
function isOwnRange(userMap: readonly UidMapping[], range: UidRange | undefined): boolean {
  if (range === undefined) return userMap.every(({ outside }) => outside !== 0);
  const [all, ...more] = userMap;
  return more.length === 0 && all?.inside === 0 && all.outside === range.base && all.size === range.size;
}

export function userRow(record: ContainerRecord, { ownNamespaces, userMap }: Confinement): Row {
  const asked = record.USERNS !== undefined;
  const own = ownNamespaces.has('user');
  const root = userMap.find(({ inside }) => inside === 0);
  const outside = root === undefined ? 'nobody' : String(root.outside);
  const range = uidRangeOf(record);
  const askedFor = range === undefined ? 'own' : `own: root is ${range.base}`;
  return {
    mechanism: 'user namespace',
    asked_for: asked ? askedFor : 'no',
    in_force: own ? `own: root is ${outside}` : 'no: root is root',
    as_asked: !asked || (own && isOwnRange(userMap, range)),
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

/** What the kernel puts into every namespace while the module of such a tunnel is loaded (sysctl `fb_tunnels_only_for_init_net`). */
const tunnelsOfTheKernel: readonly string[] = [
  'tunl0',
  'gre0',
  'gretap0',
  'erspan0',
  'ip_vti0',
  'ip6_vti0',
  'sit0',
  'ip6tnl0',
  'ip6gre0',
];

/** The interfaces beside those of the link that was asked for, by the name that nspawn gives it. */
function unaskedInterfaces(record: ContainerRecord, interfaces: readonly string[]): string[] {
  const links = hasInterface(record) ? ['host0'] : [];
  return interfaces.filter((name) => !['lo', ...links, ...tunnelsOfTheKernel].includes(name));
}

const mayMakeInterfaces = ({ boundingSet }: Confinement): boolean =>
  capabilitiesOfMask(boundingSet).includes('CAP_NET_ADMIN');

/** True when it must be known which interfaces a container made itself, which Docker inside does all the time. */
export function hasUnaskedInterfaces(record: ContainerRecord, confinement: Confinement): boolean {
  return (
    record.PRIVATE_NETWORK !== undefined &&
    record.POD === undefined &&
    mayMakeInterfaces(confinement) &&
    unaskedInterfaces(record, confinement.interfaces).length > 0
  );
}

/** `made`: interfaces that lead nowhere out of the namespace, so that the container may have made them. */
export function networkRow(record: ContainerRecord, confinement: Confinement, made: readonly string[]): Row {
  const { ownNamespaces, interfaces } = confinement;
  const own = ownNamespaces.has('net');
  const inPod = record.POD !== undefined;
  const isPrivate = record.PRIVATE_NETWORK !== undefined && !inPod;
  const unasked = isPrivate ? unaskedInterfaces(record, interfaces) : [];
  const itsOwn = mayMakeInterfaces(confinement) ? unasked.filter((name) => made.includes(name)) : [];
  const others = interfaces.filter((name) => !itsOwn.includes(name));
  const shown = [others.join(', '), ...(itsOwn.length === 0 ? [] : [`made inside ${itsOwn.join(', ')}`])];
  return {
    mechanism: 'network namespace',
    asked_for: askedNetwork(record),
    in_force: own ? `own: ${shown.join('; ')}` : "the host's",
    as_asked: isPrivate ? own && unasked.length === itsOwn.length : own || !inPod,
  };
}

export function capabilityRow(asked: readonly Capability[], inForce: readonly Capability[]): Row {
  return {
    mechanism: 'capabilities',
    asked_for: `${asked.length}`,
    in_force: `${inForce.length}`,
    as_asked: inForce.every((capability) => asked.includes(capability)),
  };
}

export function filterRow(
  record: ContainerRecord,
  { seccompFilters }: Confinement,
  unheeded: readonly string[],
): Row {
  const own = record.SYSCALL_FILTER.length;
  const without = unheeded.length === 0 ? '' : `, without ${unheeded.join(' ')}`;
  return {
    mechanism: 'system call filter',
    asked_for: own === 0 ? "nspawn's" : `nspawn's and ${own} more`,
    in_force: seccompFilters === 0 ? 'no' : `yes: ${seccompFilters} programs${without}`,
    as_asked: seccompFilters > 0 && unheeded.length === 0,
  };
}

export function apparmorRow(record: ContainerRecord, { apparmor }: Confinement): Row {
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

export function settingsRow({ readOnlySettings }: Confinement): Row {
  return {
    mechanism: 'kernel settings',
    asked_for: 'read-only',
    in_force: readOnlySettings ? 'read-only' : 'writable',
    as_asked: readOnlySettings,
  };
}
