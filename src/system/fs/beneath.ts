import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { SdmeError } from '../../base/errors.ts';
import { cString } from '../c-string.ts';
import { type Descriptor, openAt2, openDirectory, owned } from '../descriptor.ts';
import { readEntries } from '../directory-entries.ts';
import { checked, errnoOf } from '../failure.ts';
import {
  AT_REMOVEDIR,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from '../ffi/constants.ts';
import { libc } from '../ffi/libc.ts';

/*
 * Work by path in a tree that strangers made. Every lookup is openat2(2) with RESOLVE_IN_ROOT: symlinks are
 * followed as if `root` were `/`, so that no path leads out of it. `root` itself is a trusted path; `path` is not.
 * The calls are quick and synchronous, so that nothing of ours runs between look-up and use.
 */

/** What is at a path. */
export type NodeKind = 'file' | 'directory' | 'symlink' | 'other';

/** Mode and owner of what is made; default: 0644 or 0755, and root. */
export interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

function openIn(root: string, path: string, flags: number): Descriptor {
  using base = openDirectory(root, O_PATH);
  return owned(openAt2(base.fd, path === '' ? '.' : path, { flags, resolve }));
}

/** Undefined when the path leads nowhere: a missing component, a file or a loop of links on the way. */
function tryOpenIn(root: string, path: string, flags: number): Descriptor | undefined {
  try {
    return openIn(root, path, flags);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ELOOP') return undefined;
    throw error;
  }
}

function kindOf(fd: number): NodeKind {
  const stat = fstatSync(fd);
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  return stat.isSymbolicLink() ? 'symlink' : 'other';
}

/** What is at `path`, links followed in the root; undefined when there is nothing. */
export function kindIn(root: string, path: string): NodeKind | undefined {
  using found = tryOpenIn(root, path, O_PATH);
  return found === undefined ? undefined : kindOf(found.fd);
}

/** As {@link kindIn}, but a symlink at the end is not followed. */
export function kindInNoFollow(root: string, path: string): NodeKind | undefined {
  using found = tryOpenIn(root, path, O_PATH | O_NOFOLLOW);
  return found === undefined ? undefined : kindOf(found.fd);
}

/** True for a regular file that somebody may execute, links followed in the root. */
export function isProgramIn(root: string, path: string): boolean {
  using found = tryOpenIn(root, path, O_PATH);
  if (found === undefined) return false;
  const stat = fstatSync(found.fd);
  return stat.isFile() && (stat.mode & 0o111) !== 0;
}

/** Owner and mode of the directory at `path`; undefined when there is none, or a symlink to one. */
export function directoryAttributesIn(root: string, path: string): Required<Attributes> | undefined {
  using found = tryOpenIn(root, path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (found === undefined) return undefined;
  const { mode, uid, gid } = fstatSync(found.fd);
  return { mode: mode & 0o7777, uid, gid };
}

/** True when there is something at `path`, links followed in the root. */
export function existsIn(root: string, path: string): boolean {
  return kindIn(root, path) !== undefined;
}

/**
 * The content of a regular file; undefined when there is none. A fifo or device is refused, not waited for.
 * @throws SdmeError `io` when it is no regular file or larger than `maxBytes`
 */
export function readFileIn(root: string, path: string, maxBytes: number): Buffer | undefined {
  using file = tryOpenIn(root, path, O_PATH);
  if (file === undefined) return undefined;
  if (kindOf(file.fd) !== 'file') throw new SdmeError('io', `${path} in ${root} is not a regular file`);
  // The very inode that was looked at: opening a device can act, and its name may mean another one by now.
  using readable = owned(openSync(`/proc/self/fd/${file.fd}`, constants.O_RDONLY));
  return readAtMost(readable.fd, maxBytes, `${path} in ${root}`);
}

function readAtMost(fd: number, maxBytes: number, what: string): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(Math.min(64 * 1024, maxBytes + 1 - total));
    const length = readSync(fd, chunk);
    if (length === 0) return Buffer.concat(chunks);
    total += length;
    if (total > maxBytes) throw new SdmeError('io', `${what} is larger than ${maxBytes} bytes`);
    chunks.push(chunk.subarray(0, length));
  }
}

/** Names in a directory, as bytes in latin1 text; undefined when there is no directory. At most `maxEntries`. */
export function listIn(root: string, path: string, maxEntries = 100_000): string[] | undefined {
  using directory = tryOpenIn(root, path, O_DIRECTORY);
  if (directory === undefined) return undefined;
  const names: string[] = [];
  const buffer = Buffer.allocUnsafe(32 * 1024);
  for (let some = readEntries(directory.fd, buffer); some; some = readEntries(directory.fd, buffer)) {
    for (const { name } of some) names.push(name.toString('latin1'));
    if (names.length > maxEntries) throw new SdmeError('io', `${path} in ${root} holds too many entries`);
  }
  return names.sort();
}

/** The directory part and the last component of a path in a root. @throws SdmeError `input.invalid` */
function splitPath(path: string): { parent: string; name: string } {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const name = parts.pop();
  if (name === undefined || name === '..') throw new SdmeError('input.invalid', `${path} names no file`);
  return { parent: parts.join('/'), name };
}

function openParent(root: string, path: string): { parent: Descriptor; name: string } {
  const { parent, name } = splitPath(path);
  return { parent: openIn(root, parent, O_PATH | O_DIRECTORY), name };
}

/**
 * Writes a file whole: a new inode is filled beside it and renamed over it, so that readers see the old or the
 * new content, and a symlink, fifo or device of that name is replaced and never opened. The parent must exist.
 *
 * @throws SdmeError `syscall` (EISDIR when it is a directory), `disk.full`
 */
export function writeFileIn(
  root: string,
  path: string,
  content: string | Buffer,
  attributes: Attributes = {},
): void {
  const opened = openParent(root, path);
  using parent = opened.parent;
  const temporary = `.sdme-${process.pid}-${process.hrtime.bigint()}`;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | O_NOFOLLOW;
  const fd = openAt2(parent.fd, temporary, { flags, mode: 0o600, resolve: 0 });
  try {
    try {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      fchownSync(fd, attributes.uid ?? 0, attributes.gid ?? 0);
      fchmodSync(fd, attributes.mode ?? 0o644);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    const renamed = libc().renameat2(parent.fd, cString(temporary), parent.fd, cString(opened.name), 0);
    checked('renameat2', renamed, () => `cannot write ${path} in ${root}`);
  } catch (error) {
    libc().unlinkat(parent.fd, cString(temporary), 0);
    if (error instanceof SdmeError) throw error;
    if (errnoOf(error) === 'ENOSPC') {
      throw new SdmeError('disk.full', `cannot write ${path} in ${root}: the disk is full`, { cause: error });
    }
    throw new SdmeError('io', `cannot write ${path} in ${root}`, { cause: error });
  }
}

/**
 * Makes a directory and its missing parents (parents: 0755 root). A directory that is there stays as it is.
 * @returns true when it was made
 * @throws SdmeError `syscall` when something else is in the way, also a dangling symlink
 */
export function ensureDirIn(root: string, path: string, attributes: Attributes = {}): boolean {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  let made = false;
  for (const index of parts.keys()) {
    const here = parts.slice(0, index + 1).join('/');
    using there = tryOpenIn(root, here, O_PATH | O_DIRECTORY);
    if (there !== undefined) continue;
    makeDirectory(root, here, index === parts.length - 1 ? attributes : {});
    made = true;
  }
  return made;
}

function makeDirectory(root: string, path: string, attributes: Attributes): void {
  const opened = openParent(root, path);
  using parent = opened.parent;
  const result = libc().mkdirat(parent.fd, cString(opened.name), 0o700);
  checked('mkdirat', result, () => `cannot make the directory ${path} in ${root}`);
  const flags = O_DIRECTORY | O_NOFOLLOW;
  using directory = owned(openAt2(parent.fd, opened.name, { flags, resolve: 0 }));
  fchownSync(directory.fd, attributes.uid ?? 0, attributes.gid ?? 0);
  fchmodSync(directory.fd, attributes.mode ?? 0o755);
}

/** Makes a symlink; what is there, unless a directory, is replaced. The parent must exist. */
export function symlinkIn(root: string, path: string, target: string): void {
  removeIn(root, path);
  const opened = openParent(root, path);
  using parent = opened.parent;
  const result = libc().symlinkat(cString(target), parent.fd, cString(opened.name));
  checked('symlinkat', result, () => `cannot make the symlink ${path} in ${root}`);
}

/** Where a symlink points, as bytes in latin1 text; undefined when there is none. */
export function readLinkIn(root: string, path: string): string | undefined {
  using link = tryOpenIn(root, path, O_PATH | O_NOFOLLOW);
  if (link === undefined || kindOf(link.fd) !== 'symlink') return undefined;
  const buffer = Buffer.allocUnsafe(4096);
  const length = libc().readlinkat(link.fd, cString(''), buffer, buffer.length);
  return buffer.toString(
    'latin1',
    0,
    checked('readlinkat', length, () => `cannot read ${path} in ${root}`),
  );
}

/** Removes one file, symlink or (with `directory`) empty directory; false when there is none. */
export function removeIn(
  root: string,
  path: string,
  options: { readonly directory?: boolean } = {},
): boolean {
  const { parent: parentPath, name } = splitPath(path);
  using parent = tryOpenIn(root, parentPath, O_PATH | O_DIRECTORY);
  if (parent === undefined) return false;
  const result = libc().unlinkat(parent.fd, cString(name), options.directory === true ? AT_REMOVEDIR : 0);
  try {
    checked('unlinkat', result, () => `cannot remove ${path} in ${root}`);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Renames within the root, whatever it is; what has the new name is replaced, links are not followed. */
export function renameIn(root: string, from: string, to: string): void {
  const [source, target] = [openParent(root, from), openParent(root, to)];
  using sourceParent = source.parent;
  using targetParent = target.parent;
  const [fromName, toName] = [cString(source.name), cString(target.name)];
  const result = libc().renameat2(sourceParent.fd, fromName, targetParent.fd, toName, 0);
  checked('renameat2', result, () => `cannot rename ${from} to ${to} in ${root}`);
}

/** Opens a directory in the root for work relative to it, e.g. as a mount target's /proc/self/fd path. */
export function openDirectoryIn(root: string, path: string): Descriptor {
  return openIn(root, path, O_PATH | O_DIRECTORY);
}
