import { closeSync, fchmodSync, fchownSync } from 'node:fs';
import { S_IFDIR, S_IFLNK } from '../../system/ffi/constants.ts';
import {
  EEXIST,
  ELOOP,
  ENOENT,
  ENOTDIR,
  inodeAtPath,
  makeDirectory,
  openDirectoryFollow,
  openDirectoryNoFollow,
  probeDirectory,
  readSymlink,
  unlinkFile,
} from '../../system/file-calls.ts';
import { removal } from '../../system/fs/removal.ts';
import { kernelRefusal } from './entry-error.ts';
import type { LayerMarks } from './layer-marks.ts';

const SLASH = 0x2f;
const nul = Buffer.alloc(1);
const here = Buffer.from('.\0');
/** As many links as the kernel follows in a path. */
const maxLinks = 40;

/**
 * Calls `attempt` until it does not fail for a reason that can be cleared: a missing parent is made, a file of a
 * lower layer in the way of a parent is replaced (F3), what is at `path` is removed, never opened (B13, B15).
 * Nothing is remembered between entries about what is a directory (B3). Returns the attempt's result, 0 or more.
 *
 * @throws SdmeError `unpack.entry-invalid`, `disk.full`, `io`
 */
export function place(path: Buffer, marks: LayerMarks, wanted: string, attempt: () => number): number {
  for (let tries = 0; ; tries += 1) {
    const result = attempt();
    if (result >= 0) return result;
    const errno = -result;
    if (tries === 3) throw kernelRefusal(path.subarray(0, -1), wanted, errno);
    if (errno === EEXIST) removeNode(path);
    else if (errno === ENOENT || errno === ENOTDIR) makeParents(path, marks, wanted);
    else throw kernelRefusal(path.subarray(0, -1), wanted, errno);
  }
}

/** The directory part of a path that ends in NUL, as one that does too. */
function parentOf(path: Buffer): { parent: Buffer; name: Buffer } {
  const slash = path.lastIndexOf(SLASH);
  if (slash === -1) return { parent: here, name: path.subarray(0, -1) };
  return { parent: Buffer.concat([path.subarray(0, slash), nul]), name: path.subarray(slash + 1, -1) };
}

/** Removes what is at `path`, a whole tree if it is one. Links on the way are followed, the last one is not. */
export function removeNode(path: Buffer): void {
  const result = unlinkFile(path);
  if (result >= 0 || result === -ENOENT) return;
  const { parent, name } = parentOf(path);
  const fd = openDirectoryFollow(parent);
  if (fd < 0) throw kernelRefusal(path.subarray(0, -1), 'cannot be replaced', -fd);
  try {
    for (const _step of removal(fd, name));
  } finally {
    closeSync(fd);
  }
}

/** Makes the missing parents of `path`: 0755 root, whatever the umask (D18). */
function makeParents(path: Buffer, marks: LayerMarks, wanted: string): void {
  const slash = path.lastIndexOf(SLASH);
  if (slash > 0) makeDirectories(path.subarray(0, slash), marks, wanted, 0);
}

function makeDirectories(path: Buffer, marks: LayerMarks, wanted: string, links: number): void {
  for (let end = path.indexOf(SLASH, 1); ; end = path.indexOf(SLASH, end + 1)) {
    const prefix = Buffer.concat([end === -1 ? path : path.subarray(0, end), nul]);
    makeOne(prefix, marks, wanted, links);
    if (end === -1) return;
  }
}

function makeOne(path: Buffer, marks: LayerMarks, wanted: string, links: number): void {
  const shown = path.subarray(0, -1);
  let result = makeDirectory(path, 0o755);
  if (result === -EEXIST) {
    const probe = probeDirectory(path);
    if (probe === 0) return;
    const facts = inodeAtPath(path, Buffer.alloc(256));
    const type = typeof facts === 'number' ? S_IFDIR : facts.type;
    if (type === S_IFLNK) {
      if (probe !== -ENOENT) throw kernelRefusal(shown, wanted, -probe);
      makeLinkTarget(path, marks, wanted, links);
      return;
    }
    if (type === S_IFDIR) throw kernelRefusal(shown, wanted, -probe);
    unlinkFile(path);
    result = makeDirectory(path, 0o755);
  }
  if (result < 0) throw kernelRefusal(shown, wanted, -result);
  const fd = openDirectoryNoFollow(path);
  if (fd < 0) throw kernelRefusal(shown, wanted, -fd);
  try {
    // A parent with the set-group-ID bit hands its group and the bit on.
    fchownSync(fd, 0, 0);
    fchmodSync(fd, 0o755);
    marks.madeOpen(fd);
  } finally {
    closeSync(fd);
  }
}

/** A dangling link on the way leads to a directory that an image left out, e.g. `var/run -> /run`: it is made. */
function makeLinkTarget(path: Buffer, marks: LayerMarks, wanted: string, links: number): void {
  if (links >= maxLinks) throw kernelRefusal(path.subarray(0, -1), wanted, ELOOP);
  const target = readSymlink(path);
  if (target === undefined) throw kernelRefusal(path.subarray(0, -1), wanted, ENOENT);
  const { parent } = parentOf(path);
  const base =
    target[0] === SLASH ? Buffer.alloc(0) : Buffer.concat([parent.subarray(0, -1), Buffer.of(SLASH)]);
  makeDirectories(Buffer.concat([base, target]), marks, wanted, links + 1);
}
