import { shiftId, type UidShift } from './uid-shift.ts';

/*
 * The extended attributes `system.posix_acl_access` and `_default` (linux/posix_acl_xattr.h), little endian: a word of
 * version, then entries of a tag and permissions of two bytes each and an id of four.
 */
const version = 2;
const headerLength = 4;
const entryLength = 8;
const namedUser = 0x02;
const namedGroup = 0x08;

/** An access control list after ids were moved; undefined when it names none of them. */
export function shiftPosixAcl(value: Buffer, shift: UidShift): Buffer | undefined {
  if (value.length < headerLength || value.readUInt32LE(0) !== version) return undefined;
  const moved = Buffer.from(value);
  for (let at = headerLength; at + entryLength <= value.length; at += entryLength) {
    const tag = value.readUInt16LE(at);
    if (tag !== namedUser && tag !== namedGroup) continue;
    moved.writeUInt32LE(shiftId(value.readUInt32LE(at + 4), shift), at + 4);
  }
  return moved.equals(value) ? undefined : moved;
}
