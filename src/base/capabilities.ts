import { SdmeError } from './errors.ts';

/** The capabilities of Linux, by bit (capabilities(7), include/uapi/linux/capability.h). */
export const capabilityNames = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

/** A capability of Linux, upper-case with its prefix. */
export type Capability = (typeof capabilityNames)[number];

/** A capability from any case, with or without `CAP_` (contract 1.2). @throws SdmeError `input.invalid` */
export function parseCapability(text: string): Capability {
  const upper = text.trim().toUpperCase();
  const wanted = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  const found = capabilityNames.find((name) => name === wanted);
  if (found === undefined) throw new SdmeError('input.invalid', `unknown capability: ${text}`);
  return found;
}

/** Capabilities in the order given, each once. @throws SdmeError `input.invalid` */
export function parseCapabilities(texts: readonly string[]): Capability[] {
  return [...new Set(texts.map(parseCapability))];
}

/** Capabilities from a comma list, e.g. of a setting; empty: none. @throws SdmeError `input.invalid` */
export function parseCapabilityList(text: string): Capability[] {
  return parseCapabilities(text.split(',').filter((item) => item.trim() !== ''));
}

/** The capabilities of a set as the kernel has it, one bit each; bits of a newer kernel are left out. */
export function capabilitiesOfMask(mask: bigint): Capability[] {
  return capabilityNames.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

/** The set as the kernel has it. */
export function capabilityMask(capabilities: readonly Capability[]): bigint {
  return capabilityNames.reduce(
    (mask, name, bit) => (capabilities.includes(name) ? mask | (1n << BigInt(bit)) : mask),
    0n,
  );
}
