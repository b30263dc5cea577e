import type { Capability } from '../base/capabilities.ts';

/** What systemd-nspawn lets a container keep when nobody asks for more or less (systemd-nspawn(1), `--capability=`). */
export const nspawnCapabilities: readonly Capability[] = [
  'CAP_AUDIT_CONTROL',
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_IPC_OWNER',
  'CAP_KILL',
  'CAP_LEASE',
  'CAP_LINUX_IMMUTABLE',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_CHROOT',
  'CAP_SYS_NICE',
  'CAP_SYS_PTRACE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TTY_CONFIG',
];

/** What decides which capabilities nspawn leaves to a container. */
export interface CapabilityRequest {
  /** nspawn itself makes the container's network. */
  readonly privateNetwork: boolean;
  readonly userns: boolean;
  readonly added: readonly Capability[];
  readonly dropped: readonly Capability[];
}

/**
 * The bounding set that nspawn gives a container: its own set and what is added, CAP_NET_ADMIN with a network that
 * nspawn makes, without what is dropped. Users of its own cannot bind low ports of a network that is not theirs, so
 * nspawn then takes CAP_NET_BIND_SERVICE away.
 */
export function retainedCapabilities(request: CapabilityRequest): Capability[] {
  const { privateNetwork, userns, added, dropped } = request;
  const wanted: readonly Capability[] = [
    ...nspawnCapabilities,
    ...added,
    ...(privateNetwork ? (['CAP_NET_ADMIN'] as const) : []),
  ];
  const useless: readonly Capability[] = userns && !privateNetwork ? ['CAP_NET_BIND_SERVICE'] : [];
  return [...new Set(wanted)]
    .filter((capability) => !dropped.includes(capability) && !useless.includes(capability))
    .sort();
}
