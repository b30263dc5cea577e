import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  S_IFMT,
} from './ffi/constants.ts';

import { libc } from './ffi/libc.ts';

/*
 * Calls by path for code that makes very many of them: no exceptions, no allocation beyond the call. The result is
 * 0 or a descriptor, or the negated errno. Paths are bytes ending in NUL; the last component is never followed,
 * the ones before it are, so that this is for processes whose root is the tree (chroot).
 */

export const ENOENT = 2;
export const EEXIST = 17;
export const ENOTDIR = 20;
export const EINVAL = 22;
export const ENOSPC = 28;
export const ELOOP = 40;
export const EOPNOTSUPP = 95;
export const EPERM = 1;

function outcome(result: number): number {
  return result === -1 ? -libc().errno() : result;
}

const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_EXCL = 0o200;

/** Makes a file that was not there and opens it for writing. */
export function createFile(path: Buffer, mode: number): number {
  return outcome(libc().openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
}

/** Opens a directory for its attributes and entries; ENOTDIR or ELOOP for anything else. */
export function openDirectoryNoFollow(path: Buffer): number {
  return outcome(libc().openat(AT_FDCWD, path, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0));
}

/** Opens a directory, following a symlink to it. */
export function openDirectoryFollow(path: Buffer): number {
  return outcome(libc().openat(AT_FDCWD, path, O_DIRECTORY | O_CLOEXEC, 0));
}

/** 0 when `path` leads to a directory, links followed. */
export function probeDirectory(path: Buffer): number {
  const fd = outcome(libc().openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  if (fd >= 0) libc().close(fd);
  return Math.min(fd, 0);
}

export function makeDirectory(path: Buffer, mode: number): number {
  return outcome(libc().mkdirat(AT_FDCWD, path, mode));
}

export function makeSymlink(target: Buffer, path: Buffer): number {
  return outcome(libc().symlinkat(target, AT_FDCWD, path));
}

/** Links to `target` itself, also when it is a symlink. */
export function makeHardlink(target: Buffer, path: Buffer): number {
  return outcome(libc().linkat(AT_FDCWD, target, AT_FDCWD, path, 0));
}

/** Makes a device or fifo; `mode` holds the file type. makedev(3). */
export function makeNode(path: Buffer, mode: number, major: number, minor: number): number {
  const high = BigInt(major & 0xfffff000) << 32n;
  const rest = (BigInt(minor & 0xffffff00) << 12n) | BigInt((major & 0xfff) << 8) | BigInt(minor & 0xff);
  return outcome(libc().mknodat(AT_FDCWD, path, mode, Number(high | rest)));
}

export function unlinkFile(path: Buffer): number {
  return outcome(libc().unlinkat(AT_FDCWD, path, 0));
}

export function changeOwner(path: Buffer, uid: number, gid: number): number {
  return outcome(libc().fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW));
}

/** Target of a symlink as bytes; undefined when there is no symlink. */
export function readSymlink(path: Buffer): Buffer | undefined {
  const buffer = Buffer.allocUnsafe(4097);
  const length = libc().readlinkat(AT_FDCWD, path, buffer, 4096);
  return length < 0 ? undefined : Buffer.from(buffer.subarray(0, length));
}

/** Sets the access time to the modification time's. `scratch` holds two timespecs, 32 bytes. */
function putTimes(scratch: Buffer, seconds: number, nanoseconds: number): Buffer {
  const low = ((seconds % 2 ** 32) + 2 ** 32) % 2 ** 32;
  const high = Math.floor(seconds / 2 ** 32);
  for (const at of [0, 16]) {
    scratch.writeUInt32LE(low, at);
    scratch.writeInt32LE(high, at + 4);
    scratch.writeUInt32LE(nanoseconds, at + 8);
    scratch.writeUInt32LE(0, at + 12);
  }
  return scratch;
}

/** Sets both times of a path, a symlink's own. */
export function setTimes(path: Buffer, seconds: number, nanoseconds: number, scratch: Buffer): number {
  const times = putTimes(scratch, seconds, nanoseconds);
  return outcome(libc().utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
}

/** Sets both times of an open file. */
export function setOpenTimes(fd: number, seconds: number, nanoseconds: number, scratch: Buffer): number {
  return outcome(libc().futimens(fd, putTimes(scratch, seconds, nanoseconds)));
}

/** What an inode is; `inode` is a bigint only above 2^53. */
export interface InodeFacts {
  readonly type: number;
  readonly inode: number | bigint;
}

const STATX_TYPE_INO = 0x1 | 0x100;

function statx(dirFd: number, path: Buffer, flags: number, scratch: Buffer): InodeFacts | number {
  const result = outcome(libc().statx(dirFd, path, flags, STATX_TYPE_INO, scratch));
  if (result < 0) return result;
  const high = scratch.readUInt32LE(36);
  const inode = high < 2 ** 21 ? high * 2 ** 32 + scratch.readUInt32LE(32) : scratch.readBigUInt64LE(32);
  return { type: scratch.readUInt16LE(28) & S_IFMT, inode };
}

const emptyPath = Buffer.alloc(1);

/** Facts of a path, a symlink's own; the negated errno when there are none. `scratch` holds 256 bytes. */
export function inodeAtPath(path: Buffer, scratch: Buffer): InodeFacts | number {
  return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, scratch);
}

/** As {@link inodeAtPath}, for a name in an open directory. */
export function inodeAt(dirFd: number, path: Buffer, scratch: Buffer): InodeFacts | number {
  return statx(dirFd, path, AT_SYMLINK_NOFOLLOW, scratch);
}

/** Facts of an open file. */
export function inodeOf(fd: number, scratch: Buffer): InodeFacts | number {
  return statx(fd, emptyPath, AT_EMPTY_PATH, scratch);
}

/** Sets an extended attribute of an open file; `name` ends in NUL. */
export function setOpenXattr(fd: number, name: Buffer, value: Buffer): number {
  return outcome(libc().fsetxattr(fd, name, value, value.length, 0));
}

/** As {@link setOpenXattr} by path; a symlink's own. */
export function setXattr(path: Buffer, name: Buffer, value: Buffer): number {
  return outcome(libc().lsetxattr(path, name, value, value.length, 0));
}

export function removeXattr(path: Buffer, name: Buffer): number {
  return outcome(libc().lremovexattr(path, name));
}

/** Names of a path's extended attributes, as latin1 text; none where they are not supported. */
export function listXattrs(path: Buffer): string[] {
  const buffer = Buffer.allocUnsafe(65536);
  const length = libc().llistxattr(path, buffer, buffer.length);
  if (length <= 0) return [];
  return buffer
    .toString('latin1', 0, length)
    .split('\0')
    .filter((name) => name !== '');
}
