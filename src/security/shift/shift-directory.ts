import { readEntries } from '../../system/directory-entries.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../system/ffi/constants.ts';
import { openBeneath } from '../../system/open-beneath.ts';
import {
  changeOwnerAt,
  type Ownership,
  ownershipAt,
  type PathsIn,
  readXattr,
  writeXattr,
  xattrNames,
} from '../../system/owner-calls.ts';
import { shiftPosixAcl } from '../posix-acl.ts';
import { shiftId, type UidShift } from '../uid-shift.ts';

/** A file that loses privileges when it is given away, so that they have to be put back. */
export interface PrivilegedFile {
  /** From the root of the tree. */
  readonly path: Buffer;
  readonly mode: number;
  /** Value of `security.capability`. */
  readonly capability: Buffer | undefined;
}

/** Where the kernel's answers go, one call after the other. */
export interface Scratch {
  readonly stat: Buffer;
  readonly names: Buffer;
  readonly entries: Buffer;
}

export function newScratch(): Scratch {
  return { stat: Buffer.alloc(256), names: Buffer.alloc(65536), entries: Buffer.alloc(32768) };
}

/** A tree whose files are given away, directory by directory. */
export interface TreeShift {
  readonly rootFd: number;
  readonly shift: UidShift;
  readonly scratch: Scratch;
  readonly pathsIn: PathsIn;
  /** Takes the path of a directory whose entries are still to be given away. */
  readonly enter: (path: Buffer) => void;
  /** Takes a file that was left as it is, because its privileges must be noted before it is given away. */
  readonly spare: (file: PrivilegedFile) => void;
  /** Takes what went wrong with one inode; when it returns, the others are gone on with. */
  readonly report: (error: unknown, path: Buffer) => void;
}

export const capabilityAttribute = 'security.capability';
const aclAttributes = ['system.posix_acl_access', 'system.posix_acl_default'] as const;
const setIdBits = 0o6000;
const separator = Buffer.from('/');

function childPath(directory: Buffer, name: Buffer): Buffer {
  return directory.length === 0 ? name : Buffer.concat([directory, separator, name]);
}

/** The ids an inode is to get; undefined when it has them. */
export function newOwner(
  { uid, gid }: Ownership,
  shift: UidShift,
): { readonly uid: number; readonly gid: number } | undefined {
  const next = { uid: shiftId(uid, shift), gid: shiftId(gid, shift) };
  return next.uid === uid && next.gid === gid ? undefined : next;
}

function shiftAcls(path: Buffer, names: string, shift: UidShift): void {
  if (!names.includes('posix_acl')) return;
  for (const name of aclAttributes) {
    const value = readXattr(path, name);
    const moved = value && shiftPosixAcl(value, shift);
    if (moved !== undefined) writeXattr(path, name, moved);
  }
}

/** An open directory of the tree. */
interface Place {
  readonly dirFd: number;
  readonly pathOf: (name: Buffer) => Buffer;
}

/** An inode in it. */
interface Inode {
  /** With a NUL behind it; the NUL alone is the directory itself. */
  readonly terminated: Buffer;
  /** From the root of the tree. */
  readonly path: () => Buffer;
}

/** Gives one inode away, or spares it. Only inodes whose ids are in the range are looked at closely. */
function shiftInode(
  tree: TreeShift,
  { dirFd, pathOf }: Place,
  { terminated, path }: Inode,
  found: Ownership,
): void {
  const owner = newOwner(found, tree.shift);
  if (owner === undefined) return;
  const type = found.mode & S_IFMT;
  if (type !== S_IFLNK) {
    const inode = pathOf(terminated);
    const names = xattrNames(inode, tree.scratch.names);
    shiftAcls(inode, names, tree.shift);
    if (type === S_IFREG && ((found.mode & setIdBits) !== 0 || names.includes(capabilityAttribute))) {
      const capability = readXattr(inode, capabilityAttribute);
      tree.spare({ path: path(), mode: found.mode & 0o7777, capability });
      return;
    }
  }
  changeOwnerAt(dirFd, terminated, owner.uid, owner.gid);
}

function shiftEntry(tree: TreeShift, place: Place, inode: Inode): void {
  const { terminated, path } = inode;
  try {
    const found = ownershipAt(place.dirFd, terminated, tree.scratch.stat);
    if (terminated.length > 1 && (found.mode & S_IFMT) === S_IFDIR) tree.enter(path());
    shiftInode(tree, place, inode, found);
  } catch (error) {
    tree.report(error, path());
  }
}

/** Gives the root of the tree away, without what is in it. */
export function shiftRoot(tree: TreeShift): void {
  const place = { dirFd: tree.rootFd, pathOf: tree.pathsIn(tree.rootFd) };
  shiftEntry(tree, place, { terminated: Buffer.alloc(1), path: () => Buffer.alloc(0) });
}

/**
 * Gives the entries of a directory away, without what is in its subdirectories. No symlink is followed.
 * @returns how many entries there were
 * @throws SdmeError `syscall` when the directory cannot be read; what `report` throws
 */
export function shiftDirectory(tree: TreeShift, path: Buffer): number {
  using directory = openBeneath(tree.rootFd, path);
  const place = { dirFd: directory.fd, pathOf: tree.pathsIn(directory.fd) };
  let count = 0;
  for (;;) {
    const entries = readEntries(directory.fd, tree.scratch.entries);
    if (entries === undefined) return count;
    for (const { name, terminated } of entries) {
      shiftEntry(tree, place, { terminated, path: () => childPath(path, name) });
    }
    count += entries.length;
  }
}
