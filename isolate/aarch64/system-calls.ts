/** System call numbers of AArch64 (Linux, include/uapi/asm-generic/unistd.h). */
const numbers: Readonly<Record<string, number>> = {
  fcntl: 25,
  ioctl: 29,
  mount: 40,
  chdir: 49,
  fchdir: 50,
  chroot: 51,
  openat: 56,
  close: 57,
  write: 64,
  readlinkat: 78,
  capget: 90,
  capset: 91,
  exit: 93,
  unshare: 97,
  kill: 129,
  rt_sigprocmask: 135,
  rt_sigtimedwait: 137,
  setgid: 144,
  setuid: 146,
  setsid: 157,
  setgroups: 159,
  prctl: 167,
  execve: 221,
  wait4: 260,
  setns: 268,
};

/** There is no fork: clone(2) with SIGCHLD and nothing shared is one. */
const clone = 220;
const forkArguments = [17, 0, 0, 0, 0];

/** Number of a system call, and operands that come before those of the program. @throws RangeError for an unknown name */
export function systemCallNumbers(name: string): { number: number; leading: readonly number[] } {
  if (name === 'fork') return { number: clone, leading: forkArguments };
  const number = numbers[name];
  if (number === undefined) throw new RangeError(`no system call ${name} on AArch64`);
  return { number, leading: [] };
}
