import { shiftId, type UidShift } from './uid-shift.ts';

/*
 * The extended attribute `security.capability` (linux/capability.h, struct vfs_ns_cap_data; capabilities(7), "File
 * capability extended attribute versioning"), little endian: a word of revision and flags, then pairs of permitted
 * and inheritable words (one pair in revision 1, two in 2 and 3), then in revision 3 the host's id of the root user
 * of the user namespaces in which the file has its capabilities.
 */
const revision1 = 0x01000000;
const revision2 = 0x02000000;
const revision3 = 0x03000000;
const revisionMask = 0xff000000;
const lengths: ReadonlyMap<number, number> = new Map([
  [revision1, 12],
  [revision2, 20],
  [revision3, 24],
]);

function revisionOf(value: Buffer): number | undefined {
  if (value.length < 4) return undefined;
  const revision = (value.readUInt32LE(0) & revisionMask) >>> 0;
  return lengths.get(revision) === value.length ? revision : undefined;
}

/**
 * A file's capabilities after its ids were moved: they are those of the namespace whose root user the file's root
 * user has become. Undefined when nothing changes, or for what the kernel would not understand either.
 */
export function shiftFileCapability(value: Buffer, shift: UidShift): Buffer | undefined {
  const revision = revisionOf(value);
  if (revision === undefined) return undefined;
  const root = revision === revision3 ? value.readUInt32LE(20) : 0;
  const shifted = shiftId(root, shift);
  if (shifted === root) return undefined;
  const moved = Buffer.alloc(24);
  value.copy(moved, 0, 0, Math.min(value.length, 20));
  moved.writeUInt32LE(((value.readUInt32LE(0) & ~revisionMask) | revision3) >>> 0, 0);
  moved.writeUInt32LE(shifted, 20);
  return moved;
}
