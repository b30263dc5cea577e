import type { Program } from './program.ts';

/** Where the scratch slots of a program lie in its stack frame, in bytes above the stack pointer. */
export interface SlotPlaces {
  readonly offsetOf: (slot: string) => number;
  /** The first byte behind them. */
  readonly end: number;
}

/** Puts the slots one after another from `first` on, each at a multiple of 8. */
export function placeSlots(slots: Program['slots'], first: number): SlotPlaces {
  const offsets = new Map<string, number>();
  let end = first;
  for (const [name, bytes] of Object.entries(slots)) {
    offsets.set(name, end);
    end += Math.ceil(bytes / 8) * 8;
  }
  return { end, offsetOf: (slot) => offsets.get(slot) ?? 0 };
}

/** One of the registers that an architecture has for something. @throws RangeError naming what there are too many of */
export function registerAt<Register>(registers: readonly Register[], index: number, what: string): Register {
  const register = registers[index];
  if (register === undefined) throw new RangeError(`too many ${what}`);
  return register;
}
