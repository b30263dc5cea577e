import {
  add,
  back,
  call,
  goTo,
  label,
  load,
  multiply,
  type Program,
  type Step,
  set,
  slot,
  store,
  systemCall,
  text,
  variable,
  when,
} from '../program.ts';
import { capabilitySlots, emptyInheritable, keepOnly } from './capability-sets.ts';
import { bytesOf, failures } from './failures.ts';
import { argument } from './number-argument.ts';
import { blockSignals, restoreSignals, SIGSET_BYTES, superviseChild, supervisionSlots } from './supervise.ts';

/**
 * `enter PROCESS CMD [ARGS…]`: runs a program of an application's image among the application's processes, with no
 * more than they have. `PROCESS` is the directory below /proc of the supervisor that {@link isolateProgram} left.
 *
 * All that needs CAP_SYS_ADMIN is done by this program, which comes from outside of the application's root, as is no
 * other in the way: it enters the namespaces and the root, gives the capability up, and only then forks the process
 * that the application's processes can see. So that one has neither more capabilities than they have, nor another
 * root, nor a descriptor that leads out. Its /proc/PID/exe leads to this program's own file until the command is
 * executed, and the application may open that and keep it open: who starts this program does so from a mount that is
 * read-only, so that opening it to write fails when this process has ended too.
 *
 * A terminal is handed on: shells look after jobs only when they see who leads the terminal's session, who must be of
 * the application's PID namespace.
 */

// Numbers of include/uapi: fcntl.h, sched.h, asm-generic/ioctls.h, prctl.h, capability.h; signal(7) and errno(3).
const AT_FDCWD = -100;
const O_CLOEXEC = 0x80000;
const O_PATH = 0x200000;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWIPC = 0x08000000;
const CLONE_NEWPID = 0x20000000;
const TIOCSCTTY = 0x540e;
const TIOCNOTTY = 0x5422;
const PR_CAPBSET_DROP = 24;
const CAP_SYS_ADMIN = 21;
const ALL_BUT_SYS_ADMIN = 0xffffffff - 2 ** CAP_SYS_ADMIN;
const SIGHUP_AND_SIGCONT = (1 << 0) | (1 << 17);
const ENOENT = -2;
const SLASH = 0x2f;
const NAME_MAX = 255;
const STDIN = 0;
const STDERR = 2;

/** Where a program without a slash in its name is looked for. An application's /bin need not be its /usr/bin. */
const searched = [
  '/usr/local/sbin/',
  '/usr/local/bin/',
  '/usr/sbin/',
  '/usr/bin/',
  '/sbin/',
  '/bin/',
] as const;
const longestPath = Math.max(...searched.map((directory) => directory.length)) + NAME_MAX + 1;

/** What a shell's codes for a program that is not there, and for one that cannot be run, are said with. */
const unstarted = [
  { name: 'not found', code: 127, says: bytesOf('the application has no such program\n') },
  { name: 'cannot run', code: 126, says: bytesOf('the program cannot be run\n') },
] as const;

const { must, end, ...failure } = failures({
  usage: 'usage: enter <process> <cmd> [args...]',
  rt_sigprocmask: 'rt_sigprocmask',
  openat: 'the application ended, or cannot be entered',
  setns: 'setns',
  close: 'close',
  fchdir: 'fchdir',
  chroot: 'chroot',
  prctl: 'prctl',
  capget: 'capget',
  capset: 'capset',
  fork: 'fork',
  setsid: 'setsid',
  ioctl: 'ioctl',
});

/** Opens a file of the process' directory, whose descriptor is in `digit`. */
const open = (path: string, flags: number): Step[] => [
  ...must('openat', [variable('digit'), text(path), flags | O_CLOEXEC], 'openat'),
  set('child', variable('result')),
];

const join = (space: string, kind: number): Step[] => [
  ...open(space, 0),
  ...must('setns', [variable('child'), kind], 'setns'),
  ...must('close', [variable('child')], 'close'),
];

const steps: Step[] = [
  load('result', 8, 'arguments'),
  when('result', 'below', 3, end('usage')),
  ...blockSignals(must),

  // 1. Namespaces and root. One descriptor for all, so that all are of one process.
  load('cursor', 8, 'arguments', argument(1)),
  ...must('openat', [AT_FDCWD, variable('cursor'), O_PATH | O_CLOEXEC], 'openat'),
  set('digit', variable('result')),
  ...join('ns/ipc', CLONE_NEWIPC),
  ...join('ns/mnt', CLONE_NEWNS),
  ...open('root', O_PATH),
  ...must('fchdir', [variable('child')], 'fchdir'),
  ...must('chroot', [text('.')], 'chroot'),
  ...must('close', [variable('child')], 'close'),
  ...join('ns/pid_for_children', CLONE_NEWPID),
  // From the process' directory a way leads to all others of the container.
  ...must('close', [variable('digit')], 'close'),

  // 2. No more than a workload has.
  ...must('prctl', [PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0], 'prctl'),
  ...emptyInheritable(must),
  set('byte', ALL_BUT_SYS_ADMIN),
  ...keepOnly(must, variable('byte')),

  // 3. Gives the terminal up where this process leads its session, and takes the signals that this sends to itself.
  systemCall('ioctl', [STDIN, TIOCNOTTY, 0], 'digit'),
  when('digit', '!=', 0, 'start'),
  set('cursor', slot('hangup')),
  set('result', SIGHUP_AND_SIGCONT),
  store('result', 8, 'cursor'),
  set('cursor', slot('at once')),
  set('result', 0),
  store('result', 8, 'cursor'),
  store('result', 8, 'cursor', 8),
  label('take'),
  systemCall('rt_sigtimedwait', [slot('hangup'), 0, slot('at once'), SIGSET_BYTES], 'result'),
  when('result', '>=', 0, 'take'),

  label('start'),
  ...must('fork', [], 'fork'),
  set('child', variable('result')),
  when('child', '!=', 0, 'supervise'),

  // 4. The command.
  when('digit', '!=', 0, 'no terminal'),
  ...must('setsid', [], 'setsid'),
  ...must('ioctl', [STDIN, TIOCSCTTY, 0], 'ioctl'),
  label('no terminal'),
  ...restoreSignals(must),
  load('digit', 8, 'arguments'),
  multiply('digit', 8),
  add('digit', variable('arguments')),
  add('digit', 16),
  add('arguments', argument(2)),
  // Without a slash it is looked for, as execvp(3) does. The last failure that is more than its absence is kept.
  load('cursor', 8, 'arguments'),
  set('result', 0),
  label('look for a slash'),
  load('byte', 1, 'cursor'),
  add('cursor', 1),
  add('result', 1),
  when('byte', '==', SLASH, 'as it is'),
  when('byte', '!=', 0, 'look for a slash'),
  // Both with the byte that ends it.
  when('result', '==', 1, 'not found'),
  when('result', 'above', NAME_MAX + 1, 'not found'),
  ...searched.flatMap((directory) => [set('cursor', text(directory)), call('try')]),
  when('child', '!=', 0, 'cannot run'),
  goTo('not found'),
  label('as it is'),
  load('cursor', 8, 'arguments'),
  systemCall('execve', [variable('cursor'), variable('arguments'), variable('digit')], 'result'),
  when('result', '!=', ENOENT, 'cannot run'),
  ...unstarted.flatMap(({ name, code, says }) => [
    label(name),
    systemCall('write', [STDERR, text(name), says.length], 'result'),
    set('result', code),
    goTo('exit'),
  ]),

  label('try'),
  set('result', slot('path')),
  label('copy directory'),
  load('byte', 1, 'cursor'),
  when('byte', '==', 0, 'copy name'),
  store('byte', 1, 'result'),
  add('cursor', 1),
  add('result', 1),
  goTo('copy directory'),
  label('copy name'),
  load('cursor', 8, 'arguments'),
  label('next of name'),
  load('byte', 1, 'cursor'),
  store('byte', 1, 'result'),
  add('cursor', 1),
  add('result', 1),
  when('byte', '!=', 0, 'next of name'),
  systemCall('execve', [slot('path'), variable('arguments'), variable('digit')], 'result'),
  when('result', '==', ENOENT, 'not there'),
  set('child', variable('result')),
  label('not there'),
  back,

  ...superviseChild,
  ...failure.steps,
];

const paths = ['ns/ipc', 'ns/mnt', 'ns/pid_for_children', 'root', '.', ...searched];

/** The enter program in words. */
export const enterProgram: Program = {
  variables: ['arguments', 'child', 'result', 'cursor', 'digit', 'byte'],
  slots: {
    hangup: 8,
    'at once': 16,
    path: longestPath,
    ...supervisionSlots,
    ...capabilitySlots,
  },
  texts: {
    ...failure.texts,
    ...Object.fromEntries(paths.map((path) => [path, bytesOf(`${path}\0`)])),
    ...Object.fromEntries(unstarted.map(({ name, says }) => [name, says])),
  },
  startsWith: 'arguments',
  steps,
};
