import {
  add,
  back,
  call,
  label,
  load,
  multiply,
  type Step,
  set,
  shiftRight,
  variable,
  when,
} from '../program.ts';

/** Where an argument's address lies behind argc on the stack of a new process (System V ABI, 3.4.1). */
export const argument = (index: number): number => 8 + 8 * index;

/** `result` becomes the decimal u32 that argument `index` is. Needs {@link parseNumber} in the same program. */
export const readNumber = (index: number): Step[] => [
  load('cursor', 8, 'arguments', argument(index)),
  call('parse number'),
];

/** The subroutine behind {@link readNumber}; goes to `onBad` for what is empty, no number, or too large. */
export const parseNumber = (onBad: string): Step[] => [
  label('parse number'),
  set('result', 0),
  load('digit', 1, 'cursor'),
  label('next digit'),
  add('digit', -48),
  when('digit', 'above', 9, onBad),
  multiply('result', 10),
  add('result', variable('digit')),
  set('digit', variable('result')),
  shiftRight('digit', 32),
  when('digit', '!=', 0, onBad),
  add('cursor', 1),
  load('digit', 1, 'cursor'),
  when('digit', '!=', 0, 'next digit'),
  back,
];
