/** System call numbers of x86-64 (Linux, arch/x86/entry/syscalls/syscall_64.tbl). */
const numbers: Readonly<Record<string, number>> = {
  write: 1,
  close: 3,
  rt_sigprocmask: 14,
  ioctl: 16,
  fork: 57,
  execve: 59,
  exit: 60,
  wait4: 61,
  kill: 62,
  fcntl: 72,
  chdir: 80,
  fchdir: 81,
  setuid: 105,
  setgid: 106,
  setsid: 112,
  setgroups: 116,
  capget: 125,
  capset: 126,
  rt_sigtimedwait: 128,
  prctl: 157,
  chroot: 161,
  mount: 165,
  openat: 257,
  readlinkat: 267,
  unshare: 272,
  setns: 308,
};

/** Number of a system call, and operands that come before those of the program. @throws RangeError for an unknown name */
export function systemCallNumbers(name: string): { number: number; leading: readonly number[] } {
  const number = numbers[name];
  if (number === undefined) throw new RangeError(`no system call ${name} on x86-64`);
  return { number, leading: [] };
}
