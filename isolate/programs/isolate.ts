import {
  add,
  and,
  back,
  call,
  goTo,
  label,
  load,
  multiply,
  type Operand,
  type Program,
  type Step,
  set,
  shiftRight,
  slot,
  store,
  systemCall,
  text,
  variable,
  when,
} from '../program.ts';

/**
 * `isolate UID GID DIR CMD [ARGS…]` (contract 5.1): runs a workload in PID and IPC namespaces of its own,
 * without CAP_SYS_ADMIN, as the given user. Three processes:
 *
 * - the supervisor, which systemd started: takes new namespaces for its children, passes signals on to the
 *   init, and ends as the workload ended;
 * - the init, PID 1 of the new namespace: mounts /proc and /dev/pts, gives privileges up, passes signals on to the
 *   workload, reaps whatever is orphaned, and ends as the workload ended, which ends all that is left;
 * - the workload, PID 2, with the signal mask and dispositions that systemd gave.
 *
 * The workload is not PID 1 because the kernel drops signals to a PID 1 that has no handler for them
 * (pid_namespaces(7)): a stop would wait for its timeout, and zombies of double-forking daemons would stay.
 *
 * Signals need no handlers: all are blocked and taken with rt_sigtimedwait(2). A blocked signal is kept even
 * for PID 1.
 */

// Numbers of include/uapi/linux: sched.h, mount.h, prctl.h, capability.h, and of signal(7) and wait(2).
const CLONE_NEWPID_NEWIPC = 0x28000000;
const MS_NOSUID_NODEV_NOEXEC = 14;
const MS_NOSUID_NOEXEC = 10;
const PR_SET_PDEATHSIG = 1;
const PR_CAPBSET_DROP = 24;
const CAP_SYS_ADMIN = 21;
const CAP_KILL_BIT = 1 << 5;
const SIGKILL = 9;
const SIGCHLD = 17;
const SIG_SETMASK = 2;
const WNOHANG = 1;
const EINTR = -4;
const SIGSET_BYTES = 8;
const STDERR = 2;

/** The layout of argv behind argc on the stack of a new process (System V ABI, 3.4.1). */
const argument = (index: number): number => 8 + 8 * index;

const messages = {
  usage: 'usage: isolate <uid> <gid> <dir> <cmd> [args...]\n',
  'bad number': 'bad number\n',
  unshare: 'unshare\n',
  fork: 'fork\n',
  mount: 'mount\n',
  prctl: 'prctl\n',
  setgroups: 'setgroups\n',
  setgid: 'setgid\n',
  setuid: 'setuid\n',
  chdir: 'chdir\n',
  capset: 'capset\n',
  execve: 'execve\n',
} as const;
type Message = keyof typeof messages;

/** A system call that must not fail: a negative answer ends the process with the call's name. */
const must = (name: string, operands: readonly Operand[], message: Message): Step[] => [
  systemCall(name, operands, 'result'),
  when('result', '<', 0, `die: ${message}`),
];

/** Where each failure goes: its message and length, then the common end. */
const deaths: Step[] = (Object.keys(messages) as Message[]).flatMap((name) => [
  label(`die: ${name}`),
  set('cursor', text(name)),
  set('result', messages[name].length),
  goTo('die'),
]);

/** `result` becomes the decimal u32 that `cursor` points to. */
const parseNumber: Step[] = [
  label('parse number'),
  set('result', 0),
  load('digit', 1, 'cursor'),
  label('next digit'),
  add('digit', -48),
  when('digit', 'above', 9, 'die: bad number'),
  multiply('result', 10),
  add('result', variable('digit')),
  set('digit', variable('result')),
  shiftRight('digit', 32),
  when('digit', '!=', 0, 'die: bad number'),
  add('cursor', 1),
  load('digit', 1, 'cursor'),
  when('digit', '!=', 0, 'next digit'),
  back,
];

/**
 * Waits for `child` and passes on every signal until then; ends with the child's code or 128 + its signal.
 * Children of others, which PID 1 inherits, are reaped on the way.
 */
const superviseChild: Step[] = [
  label('supervise'),
  systemCall('rt_sigtimedwait', [slot('all signals'), 0, 0, SIGSET_BYTES], 'result'),
  when('result', '==', SIGCHLD, 'reap'),
  when('result', '<', 0, 'supervise'),
  systemCall('kill', [variable('child'), variable('result')], 'result'),
  goTo('supervise'),
  label('reap'),
  systemCall('wait4', [-1, slot('status'), WNOHANG, 0], 'result'),
  when('result', '==', EINTR, 'reap'),
  when('result', '==', 0, 'supervise'),
  when('result', '<', 0, 'supervise'),
  when('result', '!=', variable('child'), 'reap'),
  set('cursor', slot('status')),
  load('result', 4, 'cursor'),
  set('digit', variable('result')),
  and('digit', 0x7f),
  when('digit', '!=', 0, 'killed'),
  shiftRight('result', 8),
  and('result', 0xff),
  goTo('exit'),
  label('killed'),
  set('result', variable('digit')),
  add('result', 128),
  goTo('exit'),
];

/** Offsets of the two halves of each set in the data of capget(2), version 3. */
const effective = [0, 12] as const;
const permitted = [4, 16] as const;
const inheritable = [8, 20] as const;

/**
 * Nothing is left to inherit. A root process gets at execve(2) what is in the bounding set or in the inheritable set
 * of the process before (capabilities(7)), and nspawn gives the container's init, hence every service, an inheritable
 * set with CAP_SYS_ADMIN in it: out of the bounding set alone, it would come back.
 */
const emptyInheritable: Step[] = [
  set('cursor', slot('capability header')),
  set('result', 0x20080522),
  store('result', 8, 'cursor'),
  systemCall('capget', [slot('capability header'), slot('capabilities')], 'result'),
  set('cursor', slot('capabilities')),
  set('result', 0),
  ...inheritable.map((offset) => store('result', 4, 'cursor', offset)),
  ...must('capset', [slot('capability header'), slot('capabilities')], 'capset'),
];

/**
 * The init keeps CAP_KILL at most, to pass signals on to a workload that changed its user: all else that a
 * root init holds would be there for whoever takes it over.
 */
const keepOnlyKill: Step[] = [
  set('cursor', slot('capabilities')),
  ...[...effective, ...permitted].flatMap((offset) => [
    load('result', 4, 'cursor', offset),
    and('result', offset < 8 ? CAP_KILL_BIT : 0),
    store('result', 4, 'cursor', offset),
  ]),
  systemCall('capset', [slot('capability header'), slot('capabilities')], 'result'),
];

/** Keeps `result` in a slot until {@link getFrom} fetches it. */
const putInto = (name: string): Step[] => [set('cursor', slot(name)), store('result', 8, 'cursor')];
const getFrom = (name: string, into: string): Step[] => [set('cursor', slot(name)), load(into, 8, 'cursor')];

const steps: Step[] = [
  // 1. Arguments.
  load('result', 8, 'arguments'),
  when('result', 'below', 5, 'die: usage'),
  load('cursor', 8, 'arguments', argument(1)),
  call('parse number'),
  ...putInto('uid'),
  load('cursor', 8, 'arguments', argument(2)),
  call('parse number'),
  ...putInto('gid'),

  // 2. The supervisor: every signal blocked, new namespaces for what it forks.
  set('cursor', slot('all signals')),
  set('result', -1),
  store('result', 8, 'cursor'),
  systemCall(
    'rt_sigprocmask',
    [SIG_SETMASK, slot('all signals'), slot('signals before'), SIGSET_BYTES],
    'result',
  ),
  ...must('unshare', [CLONE_NEWPID_NEWIPC], 'unshare'),
  ...must('fork', [], 'fork'),
  set('child', variable('result')),
  when('child', '!=', 0, 'supervise'),

  // 3. The init.
  ...must(
    'mount',
    [text('proc'), text('/proc'), text('proc'), MS_NOSUID_NODEV_NOEXEC, text('proc options')],
    'mount',
  ),
  ...must(
    'mount',
    [text('devpts'), text('/dev/pts'), text('devpts'), MS_NOSUID_NOEXEC, text('devpts options')],
    'mount',
  ),
  ...must('prctl', [PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0], 'prctl'),
  ...getFrom('uid', 'digit'),
  ...getFrom('gid', 'child'),
  set('result', variable('digit')),
  add('result', variable('child')),
  when('result', '==', 0, 'is root'),
  ...must('setgroups', [0, 0], 'setgroups'),
  ...must('setgid', [variable('child')], 'setgid'),
  ...must('setuid', [variable('digit')], 'setuid'),
  label('is root'),
  load('cursor', 8, 'arguments', argument(3)),
  ...must('chdir', [variable('cursor')], 'chdir'),
  // A change of user clears the parent-death signal (prctl(2)), so it is set only now.
  systemCall('prctl', [PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0], 'result'),
  ...emptyInheritable,
  ...must('fork', [], 'fork'),
  set('child', variable('result')),
  when('child', '==', 0, 'workload'),
  ...keepOnlyKill,
  goTo('supervise'),

  // 4. The workload. envp lies behind argv and its final null.
  label('workload'),
  systemCall('rt_sigprocmask', [SIG_SETMASK, slot('signals before'), 0, SIGSET_BYTES], 'result'),
  load('digit', 8, 'arguments'),
  multiply('digit', 8),
  add('digit', variable('arguments')),
  add('digit', 16),
  load('cursor', 8, 'arguments', argument(4)),
  add('arguments', argument(4)),
  systemCall('execve', [variable('cursor'), variable('arguments'), variable('digit')], 'result'),
  goTo('die: execve'),

  ...superviseChild,
  ...parseNumber,
  ...deaths,
  label('die'),
  systemCall('write', [STDERR, variable('cursor'), variable('result')], 'result'),
  set('result', 1),
  label('exit'),
  systemCall('exit', [variable('result')], 'result'),
];

/**
 * What the two mounts of the init are made with. A /proc of its own without options would undo ProtectProc= and
 * ProcSubset= of the unit and bring /proc/sys back, which a root workload could write to. Terminals of its own, as
 * those of the container's /dev are other people's.
 */
const mountArguments = {
  proc: 'proc',
  '/proc': '/proc',
  'proc options': 'hidepid=invisible,subset=pid',
  devpts: 'devpts',
  '/dev/pts': '/dev/pts',
  'devpts options': 'newinstance,ptmxmode=0666,mode=0620,gid=5',
} as const;

const bytesOf = (string: string): Uint8Array => new TextEncoder().encode(string);

const mountTexts = Object.fromEntries(
  Object.entries(mountArguments).map(([name, argument]) => [name, bytesOf(`${argument}\0`)]),
);

/** The isolate program in words. */
export const isolateProgram: Program = {
  variables: ['arguments', 'child', 'result', 'cursor', 'digit'],
  slots: {
    uid: 8,
    gid: 8,
    'all signals': 8,
    'signals before': 8,
    status: 8,
    'capability header': 8,
    capabilities: 24,
  },
  texts: {
    ...Object.fromEntries(Object.entries(messages).map(([name, message]) => [name, bytesOf(message)])),
    ...mountTexts,
  },
  startsWith: 'arguments',
  steps,
};
