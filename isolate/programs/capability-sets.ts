import { and, load, type Operand, type Step, set, slot, store } from '../program.ts';
import type { Failures } from './failures.ts';

/** Scratch memory of the calls: the header and data of capget(2), version 3. */
export const capabilitySlots = { 'capability header': 8, capabilities: 24 } as const;

/** Offsets of the two halves of each set in the data. */
const effective = [0, 12] as const;
const permitted = [4, 16] as const;
const inheritable = [8, 20] as const;
const version3 = 0x20080522;
type Must = Failures<'capget' | 'capset'>['must'];
const operands: readonly Operand[] = [slot('capability header'), slot('capabilities')];

/**
 * Nothing is left to inherit. A root process gets at execve(2) what is in the bounding set or in the inheritable set
 * of the process before (capabilities(7)), and nspawn gives the container's init, hence every service, an inheritable
 * set with CAP_SYS_ADMIN in it: out of the bounding set alone, it would come back.
 */
export const emptyInheritable = (must: Must): Step[] => [
  set('cursor', slot('capability header')),
  set('result', version3),
  store('result', 8, 'cursor'),
  ...must('capget', operands, 'capget'),
  set('cursor', slot('capabilities')),
  set('result', 0),
  ...inheritable.map((offset) => store('result', 4, 'cursor', offset)),
  ...must('capset', operands, 'capset'),
];

/** Behind {@link emptyInheritable}: of what the process holds, it keeps at most the capabilities below 32 in `mask`. */
export const keepOnly = (must: Must, mask: number | { readonly variable: string }): Step[] => [
  set('cursor', slot('capabilities')),
  ...[...effective, ...permitted].flatMap((offset) => [
    load('result', 4, 'cursor', offset),
    and('result', offset < 8 ? mask : 0),
    store('result', 4, 'cursor', offset),
  ]),
  ...must('capset', operands, 'capset'),
];
