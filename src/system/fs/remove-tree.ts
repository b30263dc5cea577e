import { closeSync, fstatSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SdmeError } from '../../base/errors.ts';
import { showBytes } from '../../base/show-bytes.ts';
import { cString } from '../c-string.ts';
import { openAt2, openChildDirectory, openDirectory } from '../descriptor.ts';
import { readEntries } from '../directory-entries.ts';
import { checked, errnoName, errnoOf, kernelError } from '../failure.ts';
import { AT_REMOVEDIR, O_DIRECTORY } from '../ffi/constants.ts';
import { libc } from '../ffi/libc.ts';

/** How long the event loop is held at a time, in milliseconds. */
const sliceMs = 5;

/** A directory on the way from the tree's parent to where the removal is. */
interface Level {
  readonly name: Buffer;
  /** Subdirectories still to be removed. */
  readonly pending: Buffer[];
  readonly device: bigint;
  readonly inode: bigint;
}

/** Where the removal is: the open directory and the levels above it; only one descriptor is open at a time. */
interface Walk {
  fd: number;
  readonly levels: Level[];
  readonly buffer: Buffer;
}

/**
 * Removes whatever is at `path`, a tree of any depth and any modes; a path that is not there is no error. No
 * symlink is followed and no mount point is passed (a tree with a mount in it is an error, and the mounted files
 * stay). The event loop gets a turn every few milliseconds.
 *
 * @throws SdmeError `syscall` (EXDEV or EBUSY: something is mounted in the tree), the signal's reason
 */
export async function removeTree(path: string, options: { signal?: AbortSignal } = {}): Promise<void> {
  options.signal?.throwIfAborted();
  let parent: ReturnType<typeof openDirectory>;
  try {
    parent = openDirectory(dirname(path));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  using base = parent;
  const walk: Walk = { fd: -1, levels: [], buffer: Buffer.allocUnsafe(32 * 1024) };
  try {
    if (!enterOrUnlink(walk, base.fd, Buffer.from(basename(path)))) return;
    let sliceEnd = performance.now() + sliceMs;
    while (walk.levels.length > 0) {
      removeStep(walk, base.fd);
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      options.signal?.throwIfAborted();
      sliceEnd = performance.now() + sliceMs;
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new SdmeError('syscall', `cannot remove ${path}`, {
      cause: error,
      facts: error instanceof SdmeError ? error.facts : {},
    });
  } finally {
    if (walk.fd !== -1) closeSync(walk.fd);
  }
}

/** Goes into the next pending subdirectory, or, when there is none, up and removes the directory just emptied. */
function removeStep(walk: Walk, baseFd: number): void {
  const level = walk.levels.at(-1);
  const next = level?.pending.pop();
  if (next !== undefined) {
    enterOrUnlink(walk, walk.fd, next);
    return;
  }
  const emptied = walk.levels.pop();
  if (emptied === undefined) return;
  const above = walk.levels.at(-1);
  if (above === undefined) {
    closeSync(walk.fd);
    walk.fd = -1;
    unlink(baseFd, emptied.name, AT_REMOVEDIR);
    return;
  }
  const up = openAt2(walk.fd, '..', { flags: O_DIRECTORY, resolve: 0 });
  closeSync(walk.fd);
  walk.fd = up;
  const now = fstatSync(up, { bigint: true });
  if (now.ino !== above.inode || now.dev !== above.device) {
    throw new SdmeError('state.conflict', 'a directory was moved while its tree was being removed');
  }
  unlink(up, emptied.name, AT_REMOVEDIR);
}

/** Makes `name` of `dirFd` the current directory and unlinks its files; false when it is gone or was unlinked itself. */
function enterOrUnlink(walk: Walk, dirFd: number, name: Buffer): boolean {
  let fd: number;
  try {
    fd = openChildDirectory(dirFd, name);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return false;
    if (errno !== 'ENOTDIR' && errno !== 'ELOOP') throw error;
    unlink(dirFd, name, 0);
    return false;
  }
  if (walk.fd !== -1) closeSync(walk.fd);
  walk.fd = fd;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const level: Level = { name, pending: [], device: dev, inode: ino };
  walk.levels.push(level);
  for (let entries = readEntries(fd, walk.buffer); entries; entries = readEntries(fd, walk.buffer)) {
    for (const entry of entries) {
      if (entry.kind === 'directory') level.pending.push(entry.name);
      else if (entry.kind === 'other') unlink(fd, entry.name, 0);
      else if (!tryUnlinkFile(fd, entry.name)) level.pending.push(entry.name);
    }
  }
  return true;
}

/** False when it is a directory after all. */
function tryUnlinkFile(dirFd: number, name: Buffer): boolean {
  if (libc().unlinkat(dirFd, cString(name), 0) === 0) return true;
  const errno = libc().errno();
  const known = errnoName(errno);
  if (known === 'ENOENT') return true;
  if (known === 'EISDIR' || known === 'EPERM') return false;
  throw kernelError('unlinkat', errno, `cannot remove ${showBytes(name)}`);
}

function unlink(dirFd: number, name: Buffer, flags: number): void {
  const result = libc().unlinkat(dirFd, cString(name), flags);
  try {
    checked('unlinkat', result, () => `cannot remove ${showBytes(name)}`);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
