import {
  add,
  and,
  goTo,
  label,
  load,
  type Step,
  set,
  shiftRight,
  slot,
  store,
  systemCall,
  variable,
  when,
} from '../program.ts';
import type { Failures } from './failures.ts';

/*
 * How a program looks after its only child. Signals need no handlers: all are blocked and taken with
 * rt_sigtimedwait(2). A blocked signal is kept even for PID 1.
 */

/** Scratch memory of the steps. */
export const supervisionSlots = { 'all signals': 8, 'signals before': 8, status: 8 } as const;

// Numbers of signal(7), sigprocmask(2), wait(2).
const SIGCHLD = 17;
const SIG_SETMASK = 2;
const WNOHANG = 1;
const EINTR = -4;
export const SIGSET_BYTES = 8;

type Must = Failures<'rt_sigprocmask'>['must'];

/** Blocks every signal; needs the variables `cursor` and `result`. */
export const blockSignals = (must: Must): Step[] => [
  set('cursor', slot('all signals')),
  set('result', -1),
  store('result', 8, 'cursor'),
  ...must(
    'rt_sigprocmask',
    [SIG_SETMASK, slot('all signals'), slot('signals before'), SIGSET_BYTES],
    'rt_sigprocmask',
  ),
];

/** Back to the signals that were blocked before {@link blockSignals}. */
export const restoreSignals = (must: Must): Step[] =>
  must('rt_sigprocmask', [SIG_SETMASK, slot('signals before'), 0, SIGSET_BYTES], 'rt_sigprocmask');

/**
 * Waits for `child` and passes on every signal until then; ends with the child's code or 128 + its signal.
 * Needs the variables `child`, `result`, `cursor`, `digit`, and the label `exit`.
 * Children of others, which PID 1 inherits, are reaped on the way.
 */
export const superviseChild: Step[] = [
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
