import { cString } from './c-string.ts';
import { checked } from './failure.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';
import { changeWorkingDirectory } from './working-directory.ts';

/*
 * Owners and attributes of names in open directories, for code that looks at every file of a tree. A symlink is
 * looked at itself and never followed. Names end in NUL; an empty one means the open directory.
 */

/** Owner and mode of an inode; `mode` holds the file type. */
export interface Ownership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const STATX_TYPE_MODE_OWNER = 0x1 | 0x2 | 0x8 | 0x10;
const flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
/** A descriptor's directory in /proc, and a name of 255 bytes with its NUL. */
const pathBytes = 512;
const itself = cString('.');
const ENODATA = 61;
const EOPNOTSUPP = 95;

/** @throws SdmeError `syscall` */
export function ownershipAt(dirFd: number, name: Buffer, scratch: Buffer): Ownership {
  const result = libc().statx(dirFd, name, flags, STATX_TYPE_MODE_OWNER, scratch);
  checked('statx', result, () => `cannot look at ${shown(name)}`);
  return {
    mode: scratch.readUInt16LE(28),
    uid: scratch.readUInt32LE(20),
    gid: scratch.readUInt32LE(24),
  };
}

/** Gives an inode away; set-user-ID bits and capabilities of a file go with that. @throws SdmeError `syscall` */
export function changeOwnerAt(dirFd: number, name: Buffer, uid: number, gid: number): void {
  const result = libc().fchownat(dirFd, name, uid, gid, flags);
  checked('fchownat', result, () => `cannot change the owner of ${shown(name)}`);
}

/** Bytes of a name for messages. */
function shown(name: Buffer): string {
  return JSON.stringify(name.subarray(0, -1).toString('latin1'));
}

/**
 * How inodes that are no symlinks are reached by path, as there is no call for attributes of names in an open
 * directory. A path is good until the next one is asked for, of this directory or another, which stays open.
 */
export type PathsIn = (dirFd: number) => (name: Buffer) => Buffer;

/** By what /proc shows of the open directory. */
export function pathsThroughProc(dirFd: number): (name: Buffer) => Buffer {
  const path = Buffer.alloc(pathBytes);
  const length = path.write(`/proc/self/fd/${dirFd}/`, 'latin1');
  return (name) => path.subarray(0, length + name.copy(path, length));
}

/**
 * By making the directory the thread's working directory, which takes the kernel a fraction of the way through /proc.
 * For threads that have one of their own and need it for nothing else.
 */
export function pathsThroughWorkingDirectory(dirFd: number): (name: Buffer) => Buffer {
  changeWorkingDirectory(dirFd);
  return (name) => (name.length === 1 ? itself : name);
}

/** Names of the extended attributes of `path`, NUL after each, as latin1 text. @throws SdmeError `syscall` */
export function xattrNames(path: Buffer, scratch: Buffer): string {
  const length = libc().llistxattr(path, scratch, scratch.length);
  if (length === 0) return '';
  if (length === -1 && libc().errno() === EOPNOTSUPP) return '';
  return scratch.toString(
    'latin1',
    0,
    checked('llistxattr', length, () => `cannot list the attributes of ${shown(path)}`),
  );
}

/** The value of an extended attribute; undefined when there is none. @throws SdmeError `syscall` */
export function readXattr(path: Buffer, name: string): Buffer | undefined {
  const value = Buffer.alloc(65536);
  const length = libc().lgetxattr(path, cString(name), value, value.length);
  if (length === -1 && [ENODATA, EOPNOTSUPP].includes(libc().errno())) return undefined;
  return value.subarray(
    0,
    checked('lgetxattr', length, () => `cannot read ${name} of ${shown(path)}`),
  );
}

/** @throws SdmeError `syscall` */
export function writeXattr(path: Buffer, name: string, value: Buffer): void {
  const result = libc().lsetxattr(path, cString(name), value, value.length, 0);
  checked('lsetxattr', result, () => `cannot set ${name} of ${shown(path)}`);
}

/** Sets the permission bits of an inode that is no symlink. @throws SdmeError `syscall` */
export function changeModeAt(dirFd: number, name: Buffer, mode: number): void {
  const result = libc().fchmodat(dirFd, name, mode, AT_SYMLINK_NOFOLLOW);
  checked('fchmodat', result, () => `cannot change the mode of ${shown(name)}`);
}
