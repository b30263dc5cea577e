import { closeSync, fstatSync } from 'node:fs';
import { SdmeError } from '../../base/errors.ts';
import { showBytes } from '../../base/show-bytes.ts';
import { cString } from '../c-string.ts';
import { openAt2, openChildDirectory } from '../descriptor.ts';
import { readEntries } from '../directory-entries.ts';
import { errnoName, errnoOf, kernelError } from '../failure.ts';
import { AT_REMOVEDIR, O_DIRECTORY } from '../ffi/constants.ts';
import { libc } from '../ffi/libc.ts';

/** Names to spare, asked before each removal: the open parent and the name in it. A directory is asked after its children. */
export type Keep = (parentFd: number, name: Buffer) => boolean;

/** A directory on the way from the tree's parent to where the removal is. */
interface Level {
  readonly name: Buffer;
  /** Subdirectories still to be removed. */
  readonly pending: Buffer[];
  readonly device: bigint;
  readonly inode: bigint;
}

/**
 * Removes `name` of the open directory `parentFd`, whatever it is: a tree of any depth and any modes. No symlink
 * is followed, no mount point passed, and one descriptor is open at a time. Synchronous, in steps of some entries:
 * the caller runs the generator to its end, or ends it early (then what is left stays).
 *
 * @throws SdmeError `syscall` (EXDEV or EBUSY: something is mounted there)
 */
export function* removal(parentFd: number, name: Buffer, keep?: Keep): Generator<void, void, void> {
  const levels: Level[] = [];
  const buffer = Buffer.allocUnsafe(32 * 1024);
  let fd = -1;

  const remove = (from: number, child: Buffer, flags: number): void => {
    if (keep?.(from, child) === true) return;
    const result = libc().unlinkat(from, cString(child), flags);
    if (result === 0) return;
    const errno = libc().errno();
    const known = errnoName(errno);
    // Gone already; or a directory of which something was kept.
    if (known === 'ENOENT' || (keep !== undefined && known === 'ENOTEMPTY')) return;
    throw kernelError('unlinkat', errno, `cannot remove ${showBytes(child)}`);
  };

  function* enter(from: number, child: Buffer): Generator<void, void, void> {
    const opened = openOrUndefined(from, child);
    if (opened === undefined) {
      remove(from, child, 0);
      return;
    }
    if (fd !== -1) closeSync(fd);
    fd = opened;
    const { dev, ino } = fstatSync(fd, { bigint: true });
    const level: Level = { name: child, pending: [], device: dev, inode: ino };
    levels.push(level);
    for (let entries = readEntries(fd, buffer); entries; entries = readEntries(fd, buffer)) {
      for (const entry of entries) {
        if (entry.kind === 'other') remove(fd, entry.name, 0);
        else level.pending.push(entry.name);
      }
      yield;
    }
  }

  const leave = (): void => {
    const emptied = levels.pop();
    if (emptied === undefined) return;
    const above = levels.at(-1);
    if (above === undefined) {
      closeSync(fd);
      fd = -1;
      remove(parentFd, emptied.name, AT_REMOVEDIR);
      return;
    }
    const up = openAt2(fd, '..', { flags: O_DIRECTORY, resolve: 0 });
    closeSync(fd);
    fd = up;
    const now = fstatSync(up, { bigint: true });
    if (now.ino !== above.inode || now.dev !== above.device) {
      throw new SdmeError('state.conflict', 'a directory was moved while its tree was being removed');
    }
    remove(up, emptied.name, AT_REMOVEDIR);
  };

  try {
    yield* enter(parentFd, name);
    while (levels.length > 0) {
      const next = levels.at(-1)?.pending.pop();
      if (next === undefined) leave();
      else yield* enter(fd, next);
    }
  } finally {
    if (fd !== -1) closeSync(fd);
  }
}

/** The open directory, or undefined for anything else, a missing name included. */
function openOrUndefined(from: number, name: Buffer): number | undefined {
  try {
    return openChildDirectory(from, name);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ELOOP') return undefined;
    throw error;
  }
}
