import {
  add,
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
import { argument, parseNumber, readNumber } from './number-argument.ts';
import { blockSignals, restoreSignals, superviseChild, supervisionSlots } from './supervise.ts';

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

const { must, end, ...failure } = failures({
  usage: 'usage: isolate <uid> <gid> <dir> <cmd> [args...]',
  'bad number': 'bad number',
  rt_sigprocmask: 'rt_sigprocmask',
  unshare: 'unshare',
  fork: 'fork',
  mount: 'mount',
  prctl: 'prctl',
  setgroups: 'setgroups',
  setgid: 'setgid',
  setuid: 'setuid',
  chdir: 'chdir',
  capget: 'capget',
  capset: 'capset',
  execve: 'execve',
});

/** Keeps `result` in a slot until {@link getFrom} fetches it. */
const putInto = (name: string): Step[] => [set('cursor', slot(name)), store('result', 8, 'cursor')];
const getFrom = (name: string, into: string): Step[] => [set('cursor', slot(name)), load(into, 8, 'cursor')];

const steps: Step[] = [
  // 1. Arguments.
  load('result', 8, 'arguments'),
  when('result', 'below', 5, end('usage')),
  ...readNumber(1),
  ...putInto('uid'),
  ...readNumber(2),
  ...putInto('gid'),

  // 2. The supervisor: every signal blocked, new namespaces for what it forks.
  ...blockSignals(must),
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
  ...must('prctl', [PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0], 'prctl'),
  ...emptyInheritable(must),
  ...must('fork', [], 'fork'),
  set('child', variable('result')),
  when('child', '==', 0, 'workload'),
  // The init keeps CAP_KILL, to pass signals on to a workload that changed its user: all else that a root init holds
  // would be there for whoever takes it over.
  ...keepOnly(must, CAP_KILL_BIT),
  goTo('supervise'),

  // 4. The workload. envp lies behind argv and its final null.
  label('workload'),
  ...restoreSignals(must),
  load('digit', 8, 'arguments'),
  multiply('digit', 8),
  add('digit', variable('arguments')),
  add('digit', 16),
  load('cursor', 8, 'arguments', argument(4)),
  add('arguments', argument(4)),
  systemCall('execve', [variable('cursor'), variable('arguments'), variable('digit')], 'result'),
  goTo(end('execve')),

  ...superviseChild,
  ...parseNumber(end('bad number')),
  ...failure.steps,
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

const mountTexts = Object.fromEntries(
  Object.entries(mountArguments).map(([name, argument]) => [name, bytesOf(`${argument}\0`)]),
);

/** The isolate program in words. */
export const isolateProgram: Program = {
  variables: ['arguments', 'child', 'result', 'cursor', 'digit'],
  slots: {
    uid: 8,
    gid: 8,
    ...supervisionSlots,
    ...capabilitySlots,
  },
  texts: {
    ...failure.texts,
    ...mountTexts,
  },
  startsWith: 'arguments',
  steps,
};
