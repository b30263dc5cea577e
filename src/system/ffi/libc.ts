import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { onFirstCall } from './on-first-call.ts';

/**
 * The C library's functions that Node lacks, as the kernel's manual has them (section 2, same names). Mechanical:
 * no defaults, no checks; -1 means failure and {@link Libc.errno} tells why, when it is read before anything else
 * runs. Paths and structures are Buffers, paths end in NUL. 64-bit integers are plain numbers below 2^53.
 * `ioctl`-like variadic functions are declared with the arguments that are used: on the ABIs of Linux on x86-64,
 * aarch64 and riscv64 integers are passed alike for both kinds.
 */
export interface Libc {
  errno(): number;
  // descriptors and names
  openat(dirFd: number, path: Buffer, flags: number, mode: number): number;
  openat2(number: number, dirFd: number, path: Buffer, how: Buffer, size: number): number;
  close(fd: number): number;
  pipe2(fds: Buffer, flags: number): number;
  fchdir(fd: number): number;
  getdents64(fd: number, buffer: Buffer, size: number): number;
  mkdirat(dirFd: number, path: Buffer, mode: number): number;
  mknodat(dirFd: number, path: Buffer, mode: number, device: number): number;
  symlinkat(target: Buffer, dirFd: number, path: Buffer): number;
  linkat(fromFd: number, from: Buffer, toFd: number, to: Buffer, flags: number): number;
  unlinkat(dirFd: number, path: Buffer, flags: number): number;
  renameat2(fromFd: number, from: Buffer, toFd: number, to: Buffer, flags: number): number;
  readlinkat(dirFd: number, path: Buffer, buffer: Buffer, size: number): number;
  // attributes
  fchownat(dirFd: number, path: Buffer, uid: number, gid: number, flags: number): number;
  fchmodat(dirFd: number, path: Buffer, mode: number, flags: number): number;
  utimensat(dirFd: number, path: Buffer, times: Buffer, flags: number): number;
  futimens(fd: number, times: Buffer): number;
  statx(dirFd: number, path: Buffer, flags: number, mask: number, buffer: Buffer): number;
  fsetxattr(fd: number, name: Buffer, value: Buffer, size: number, flags: number): number;
  lsetxattr(path: Buffer, name: Buffer, value: Buffer, size: number, flags: number): number;
  lgetxattr(path: Buffer, name: Buffer, value: Buffer, size: number): number;
  llistxattr(path: Buffer, names: Buffer, size: number): number;
  lremovexattr(path: Buffer, name: Buffer): number;
  flock(fd: number, operation: number): number;
  syncfs(fd: number): number;
  // processes, privileges
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  capset(header: Buffer, data: Buffer): number;
  capget(header: Buffer, data: Buffer): number;
  chroot(path: Buffer): number;
  unshare(flags: number): number;
  seccomp(number: number, operation: number, flags: number, program: Buffer): number;
  // sockets
  socketpair(domain: number, type: number, protocol: number, fds: Buffer): number;
  sendmsg(fd: number, message: Buffer, flags: number): number;
  recvmsg(fd: number, message: Buffer, flags: number): number;
  /** The address of a buffer's first byte, for structures that hold pointers. The buffer must outlive the call. */
  address(buffer: Buffer): bigint;
}

function declare(koffi: typeof Koffi): Libc {
  const c = koffi.load(null);
  return {
    errno: () => koffi.errno(),
    openat: c.func('openat', 'int', ['int', 'void*', 'int', 'uint32']),
    openat2: c.func('syscall', 'long', ['long', 'int', 'void*', 'void*', 'size_t']),
    fchdir: c.func('fchdir', 'int', ['int']),
    close: c.func('close', 'int', ['int']),
    pipe2: c.func('pipe2', 'int', ['void*', 'int']),
    getdents64: c.func('getdents64', 'long', ['int', 'void*', 'size_t']),
    mkdirat: c.func('mkdirat', 'int', ['int', 'void*', 'uint32']),
    mknodat: c.func('mknodat', 'int', ['int', 'void*', 'uint32', 'uint64']),
    symlinkat: c.func('symlinkat', 'int', ['void*', 'int', 'void*']),
    linkat: c.func('linkat', 'int', ['int', 'void*', 'int', 'void*', 'int']),
    unlinkat: c.func('unlinkat', 'int', ['int', 'void*', 'int']),
    renameat2: c.func('renameat2', 'int', ['int', 'void*', 'int', 'void*', 'uint32']),
    readlinkat: c.func('readlinkat', 'long', ['int', 'void*', 'void*', 'size_t']),
    fchownat: c.func('fchownat', 'int', ['int', 'void*', 'uint32', 'uint32', 'int']),
    fchmodat: c.func('fchmodat', 'int', ['int', 'void*', 'uint32', 'int']),
    utimensat: c.func('utimensat', 'int', ['int', 'void*', 'void*', 'int']),
    futimens: c.func('futimens', 'int', ['int', 'void*']),
    statx: c.func('statx', 'int', ['int', 'void*', 'int', 'uint32', 'void*']),
    fsetxattr: c.func('fsetxattr', 'int', ['int', 'void*', 'void*', 'size_t', 'int']),
    lsetxattr: c.func('lsetxattr', 'int', ['void*', 'void*', 'void*', 'size_t', 'int']),
    lgetxattr: c.func('lgetxattr', 'long', ['void*', 'void*', 'void*', 'size_t']),
    llistxattr: c.func('llistxattr', 'long', ['void*', 'void*', 'size_t']),
    lremovexattr: c.func('lremovexattr', 'int', ['void*', 'void*']),
    flock: c.func('flock', 'int', ['int', 'int']),
    syncfs: c.func('syncfs', 'int', ['int']),
    prctl: c.func('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong']),
    capset: c.func('capset', 'int', ['void*', 'void*']),
    capget: c.func('capget', 'int', ['void*', 'void*']),
    unshare: c.func('unshare', 'int', ['int']),
    chroot: c.func('chroot', 'int', ['void*']),
    seccomp: c.func('syscall', 'long', ['long', 'uint', 'uint', 'void*']),
    socketpair: c.func('socketpair', 'int', ['int', 'int', 'int', 'void*']),
    sendmsg: c.func('sendmsg', 'long', ['int', 'void*', 'int']),
    recvmsg: c.func('recvmsg', 'long', ['int', 'void*', 'int']),
    address: (buffer) => koffi.address(buffer),
  };
}

/** The C library of this process; koffi is loaded and the functions are bound on the first call only. */
export const libc: () => Libc = onFirstCall(() => {
  // require, not import: koffi's native part is loaded when it is evaluated, and importing us must not act.
  const koffi: typeof Koffi = createRequire(import.meta.url)('koffi');
  return declare(koffi);
});
