import { SdmeError } from '../base/errors.ts';
import { checked } from './failure.ts';
import { libc } from './ffi/libc.ts';

/** AUDIT_ARCH_* (linux/audit.h), and whose system call table is the generic one (asm-generic/unistd.h). */
interface Machine {
  readonly audit: number;
  readonly numbers: Readonly<Record<DeniedCall, number>>;
}

/**
 * Calls that a process which only reads descriptors and writes files has no use for: other programs, other
 * processes' memory, other roots, mounts, namespaces, the network, the kernel itself.
 */
const deniedCalls = [
  'execve',
  'execveat',
  'ptrace',
  'process_vm_readv',
  'process_vm_writev',
  'chroot',
  'pivot_root',
  'mount',
  'umount2',
  'setns',
  'unshare',
  'open_by_handle_at',
  'socket',
  'connect',
  'bpf',
  'perf_event_open',
  'init_module',
  'finit_module',
  'kexec_load',
  'io_uring_setup',
  'open_tree',
  'move_mount',
  'fsopen',
  'fsmount',
  'pidfd_getfd',
] as const;

type DeniedCall = (typeof deniedCalls)[number];

/** From 424 on all architectures number alike. */
const newer = {
  io_uring_setup: 425,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsmount: 432,
  pidfd_getfd: 438,
} as const;

const x64: Machine['numbers'] = {
  ...newer,
  execve: 59,
  execveat: 322,
  ptrace: 101,
  process_vm_readv: 310,
  process_vm_writev: 311,
  chroot: 161,
  pivot_root: 155,
  mount: 165,
  umount2: 166,
  setns: 308,
  unshare: 272,
  open_by_handle_at: 304,
  socket: 41,
  connect: 42,
  bpf: 321,
  perf_event_open: 298,
  init_module: 175,
  finit_module: 313,
  kexec_load: 246,
};

const generic: Machine['numbers'] = {
  ...newer,
  execve: 221,
  execveat: 281,
  ptrace: 117,
  process_vm_readv: 270,
  process_vm_writev: 271,
  chroot: 51,
  pivot_root: 41,
  mount: 40,
  umount2: 39,
  setns: 268,
  unshare: 97,
  open_by_handle_at: 265,
  socket: 198,
  connect: 203,
  bpf: 280,
  perf_event_open: 241,
  init_module: 105,
  finit_module: 273,
  kexec_load: 104,
};

const machines: Readonly<Partial<Record<NodeJS.Architecture, Machine>>> = {
  x64: { audit: 0xc000003e, numbers: x64 },
  arm64: { audit: 0xc00000b7, numbers: generic },
  riscv64: { audit: 0xc00000f3, numbers: generic },
};

/** BPF instructions (linux/filter.h): load a word of seccomp_data, jump if equal, jump if bit set, return. */
const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const EPERM_RESULT = 0x00050001;
/** Calls of the x32 ABI carry this bit, and would pass a comparison with x86-64's numbers. */
const x32Bit = 0x40000000;

function instruction(code: number, onTrue: number, onFalse: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(onTrue, 2);
  bytes.writeUInt8(onFalse, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}

/**
 * The filter for an architecture, as BPF: other ABIs kill the process, the denied calls fail with EPERM, all
 * others pass. @throws SdmeError `system.unsupported` for architectures we do not know
 */
export function denyingFilter(architecture: NodeJS.Architecture): Buffer {
  const machine = machines[architecture];
  if (machine === undefined) {
    throw new SdmeError('system.unsupported', `there is no system call table for ${architecture}`);
  }
  const denied = deniedCalls.map((name) => machine.numbers[name]);
  const comparisons = denied.map((number, i) => instruction(JUMP_EQUAL, denied.length - i, 0, number));
  return Buffer.concat([
    instruction(LOAD, 0, 0, 4),
    instruction(JUMP_EQUAL, 1, 0, machine.audit),
    instruction(RETURN, 0, 0, KILL_PROCESS),
    instruction(LOAD, 0, 0, 0),
    instruction(JUMP_AT_LEAST, 0, 1, x32Bit),
    instruction(RETURN, 0, 0, KILL_PROCESS),
    ...comparisons,
    instruction(RETURN, 0, 0, ALLOW),
    instruction(RETURN, 0, 0, EPERM_RESULT),
  ]);
}

const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_TSYNC = 1;
const SYS_seccomp: Readonly<Partial<Record<NodeJS.Architecture, number>>> = {
  x64: 317,
  arm64: 277,
  riscv64: 277,
};

/** Installs the filter for every thread of this process, for good. Needs no_new_privs. seccomp(2). */
export function denyDangerousCalls(): void {
  const filter = denyingFilter(process.arch);
  const number = SYS_seccomp[process.arch] ?? -1;
  const program = Buffer.alloc(16);
  program.writeUInt16LE(filter.length / 8, 0);
  program.writeBigUInt64LE(libc().address(filter), 8);
  const result = libc().seccomp(number, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program);
  checked('seccomp', result, () => 'cannot install the system call filter');
}
