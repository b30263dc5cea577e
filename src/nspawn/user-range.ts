import { type UidRange, uidRangeSize } from '../security/uid-ranges.ts';
import { type UidShift, uidShift } from '../security/uid-shift.ts';
import type { ContainerRecord } from './record.ts';

/** The host's ids that a container's users are; undefined without a user namespace, or while nspawn picks one. */
export function uidRangeOf(record: ContainerRecord): UidRange | undefined {
  if (record.USERNS === undefined || record.USERNS_SHIFT === undefined) return undefined;
  return { base: record.USERNS_SHIFT, size: record.USERNS_RANGE ?? uidRangeSize };
}

/** The range to which the lower layers are idmapped; undefined when they are used as they are. */
export function mappedRange(record: ContainerRecord): UidRange | undefined {
  return record.USERNS_MAPPING === 'idmap' ? uidRangeOf(record) : undefined;
}

/**
 * How files that have the ids of a rootfs come to belong to a container's users. Of a range so long that it begins
 * before its length, the ids that are in it stay: a move must be one that can be made again.
 */
export function shiftFromRootfs({ base, size }: UidRange): UidShift {
  return uidShift(0, base, Math.min(base, size));
}
