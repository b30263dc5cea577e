import { SdmeError } from '../base/errors.ts';
import { rangesOverlap } from './uid-ranges.ts';

/** A move of ids: those from `from` on, `size` of them, become those from `to` on. Others stay as they are. */
export interface UidShift {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

/**
 * A move that can be done again over what it has done already: no id is in both ranges.
 * @throws SdmeError `internal` when the ranges overlap
 */
export function uidShift(from: number, to: number, size: number): UidShift {
  if (rangesOverlap({ base: from, size }, { base: to, size })) {
    throw new SdmeError('internal', `ids from ${from} on cannot be moved to ${to}: the ranges overlap`);
  }
  return { from, to, size };
}

/** Where an id goes. */
export function shiftId(id: number, { from, to, size }: UidShift): number {
  return id >= from && id < from + size ? id - from + to : id;
}
