import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { cString } from './c-string.ts';
import { checked } from './failure.ts';
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  SYS_openat2,
} from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';

/** An open file descriptor that is closed when its scope ends. Close-on-exec. */
export interface Descriptor extends Disposable {
  readonly fd: number;
}

/** Owns an open descriptor. */
export function owned(fd: number): Descriptor {
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

/** How openat2(2) looks a path up. */
export interface OpenHow {
  readonly flags: number;
  /** Permission bits of a file that is made; only with O_CREAT. */
  readonly mode?: number;
  /** RESOLVE_* bits. */
  readonly resolve: number;
}

/** A lookup takes microseconds, so that one of so many gets between two changes, however many there are. */
const mostAttempts = 10_000;

/**
 * openat2(2); O_CLOEXEC is added. A lookup of `..` that must stay beneath a directory is refused with EAGAIN when
 * anything on the machine was renamed or mounted meanwhile, and is to be made again.
 * @throws SdmeError `syscall` with the fact `errno`
 */
export function openAt2(dirFd: number, path: string | Buffer, how: OpenHow): number {
  const name = cString(path);
  const structure = Buffer.alloc(24);
  structure.writeBigUInt64LE(BigInt(how.flags | O_CLOEXEC), 0);
  structure.writeBigUInt64LE(BigInt(how.mode ?? 0), 8);
  structure.writeBigUInt64LE(BigInt(how.resolve), 16);
  for (let attempt = 1; ; attempt += 1) {
    const fd = libc().openat2(SYS_openat2, dirFd, name, structure, structure.length);
    if (fd === -1 && attempt < mostAttempts && libc().errno() === constants.errno.EAGAIN) continue;
    return checked('openat2', fd, () => `cannot open ${path.toString()}`);
  }
}

/** Opens a directory by a trusted path, for work relative to it; its last component must not be a symlink. */
export function openDirectory(path: string, extraFlags = 0): Descriptor {
  return owned(openAt2(AT_FDCWD, path, { flags: O_DIRECTORY | O_NOFOLLOW | extraFlags, resolve: 0 }));
}

/**
 * Opens the directory `name` (one component) of `dirFd` for reading: neither a symlink nor a mount point is
 * passed. @throws SdmeError `syscall`: errno ELOOP for a symlink, EXDEV for a mount point
 */
export function openChildDirectory(dirFd: number, name: Buffer): number {
  return openAt2(dirFd, name, {
    flags: O_DIRECTORY | O_NOFOLLOW,
    resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  });
}
