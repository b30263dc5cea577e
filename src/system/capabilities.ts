import { checked } from './failure.ts';
import { LINUX_CAPABILITY_VERSION_3, PR_SET_NO_NEW_PRIVS } from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';

/** Numbers of the capabilities that processes of ours keep, linux/capability.h. */
const numbers = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  FSETID: 4,
  SYS_CHROOT: 18,
  MKNOD: 27,
  SETFCAP: 31,
} as const;

export type Capability = keyof typeof numbers;

/**
 * Leaves the calling thread with those of these capabilities that it has (permitted and effective) and no
 * inheritable ones; in a container some may be missing, and only what needs them fails then. Other threads keep
 * theirs: what must hold for a whole process is set before it starts (setpriv), or by seccomp.
 *
 * @throws SdmeError `syscall`
 */
export function keepCapabilities(kept: readonly Capability[]): void {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3, 0);
  const held = new Set(effectiveCapabilities());
  const bits = kept
    .filter((name) => held.has(numbers[name]))
    .reduce((sum, name) => sum | (1n << BigInt(numbers[name])), 0n);
  const data = Buffer.alloc(24);
  for (const [index, shift] of [0n, 32n].entries()) {
    const word = Number((bits >> shift) & 0xffffffffn);
    data.writeUInt32LE(word, index * 12);
    data.writeUInt32LE(word, index * 12 + 4);
  }
  checked('capset', libc().capset(header, data), () => 'cannot drop capabilities');
}

/** Numbers of the capabilities the calling thread has in effect. */
export function effectiveCapabilities(): number[] {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3, 0);
  const data = Buffer.alloc(24);
  checked('capget', libc().capget(header, data), () => 'cannot read the capabilities');
  const bits = BigInt(data.readUInt32LE(0)) | (BigInt(data.readUInt32LE(12)) << 32n);
  return Array.from({ length: 64 }, (_, i) => i).filter((i) => ((bits >> BigInt(i)) & 1n) === 1n);
}

/** No program this process runs can gain privileges, PR_SET_NO_NEW_PRIVS(2). */
export function forbidNewPrivileges(): void {
  checked('prctl', libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), () => 'cannot forbid new privileges');
}

/** The names as setpriv(1) takes them: everything else is taken away, e.g. `-all,+chown`. */
export function setprivList(kept: readonly Capability[]): string {
  return ['-all', ...kept.map((name) => `+${name.toLowerCase()}`)].join(',');
}
