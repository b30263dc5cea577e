import { SdmeError } from '../base/errors.ts';
import { sipHash24 } from './siphash.ts';

/**
 * UID ranges of containers with a user namespace. The numbers and the hash are those of systemd-nspawn's
 * `--private-users=pick` (systemd, src/nspawn/nspawn.c, uid_shift_pick; contract 4.1), so that a container of
 * ours and a plain nspawn machine of the same name want the same range.
 */

/** The first base that nspawn picks. */
export const uidBaseMin = 0x00080000;
/** The last base that nspawn picks. */
export const uidBaseMax = 0x6fff0000;
/** UIDs of one range. */
export const uidRangeSize = 0x10000;

const pickKey = Uint8Array.of(
  0xe1,
  0x56,
  0xe0,
  0xf0,
  0x4a,
  0xf0,
  0x41,
  0xaf,
  0x96,
  0x41,
  0xcf,
  0x41,
  0x33,
  0x94,
  0xff,
  0x72,
);

/** UIDs from `base` on, `size` of them. */
export interface UidRange {
  readonly base: number;
  readonly size: number;
}

/** The base that nspawn tries first for a machine name. */
export function pickedUidBase(machine: string): number {
  const hash = Number(sipHash24(pickKey, new TextEncoder().encode(machine)) & 0xffffffffn);
  const inWindow = (hash % (uidBaseMax - uidBaseMin)) + uidBaseMin;
  return (inWindow & 0xffff0000) >>> 0;
}

/** True when two ranges share a UID. */
export function rangesOverlap(a: UidRange, b: UidRange): boolean {
  return a.base < b.base + b.size && b.base < a.base + a.size;
}

/** The first base behind a range. */
function slotAfter({ base, size }: UidRange): number {
  return Math.ceil((base + size) / uidRangeSize) * uidRangeSize;
}

/**
 * The ids of a range of which nspawn asks whether an account has them (systemd, src/nspawn/nspawn.c, uid_shift_pick;
 * contract 4.1): of each slot the first and the last but one.
 */
export function idsToLookUp({ base, size }: UidRange): number[] {
  const slots = Array.from({ length: size / uidRangeSize }, (_, slot) => base + slot * uidRangeSize);
  return slots.flatMap((first) => [first, first + uidRangeSize - 2]);
}

/** The last UID behind the window: a range of several slots may begin at the last base only if it fits. */
const windowEnd = uidBaseMax + uidRangeSize;

/**
 * A range of `slots` times 65,536 UIDs for a machine that overlaps none of `used`: nspawn's own pick if it is
 * free, else the next free one behind it, from the start of the window after its end (contract 4.3). What is behind a
 * long range of others is one try away.
 *
 * @throws SdmeError `state.conflict` when 100 tries find none
 */
export function allocateUidRange(machine: string, used: readonly UidRange[], slots = 1): UidRange {
  const size = slots * uidRangeSize;
  let base = pickedUidBase(machine);
  for (let tries = 0; tries < 100; tries += 1) {
    const candidate = { base, size };
    const other = used.find((range) => rangesOverlap(range, candidate));
    const fits = base + size <= windowEnd;
    if (fits && other === undefined) return candidate;
    const after = Math.max(base + uidRangeSize, other === undefined ? 0 : slotAfter(other));
    base = !fits || after > uidBaseMax ? uidBaseMin : after;
  }
  throw new SdmeError(
    'state.conflict',
    `failed to allocate UID range for '${machine}': remove containers that are not needed`,
  );
}
