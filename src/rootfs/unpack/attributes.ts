import { closeSync, fchmodSync, fchownSync } from 'node:fs';
import type { TarEntry } from '../../oci/tar/entry.ts';
import { cString } from '../../system/c-string.ts';
import { errnoName } from '../../system/failure.ts';
import {
  inodeAtPath,
  listXattrs,
  openDirectoryNoFollow,
  removeXattr,
  setOpenTimes,
  setOpenXattr,
  setTimes,
  setXattr,
} from '../../system/file-calls.ts';
import { entryError, kernelRefusal } from './entry-error.ts';
import type { Tally } from './tally.ts';
import { xattrFate } from './xattr-rules.ts';

/** The owner that the kernel takes for "unchanged"; larger ones would wrap (D6). */
const invalidId = 0xffffffff;

/** @throws SdmeError `unpack.entry-invalid` for owners that no file can have */
export function checkOwner(entry: TarEntry): void {
  if (entry.uid >= invalidId || entry.gid >= invalidId) {
    throw entryError(entry.name, `has the impossible owner ${entry.uid}:${entry.gid}`);
  }
}

/** Bytes of all attribute names of a file, each with its NUL: XATTR_LIST_MAX of linux/limits.h. */
const maxXattrList = 65_536;

interface PendingTimes {
  readonly path: Buffer;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly inode: number | bigint;
}

/** Owners, modes, extended attributes and times of what was made. */
export class Attributes {
  readonly #tally: Tally;
  readonly #scratch = Buffer.alloc(256);
  /** Directories get their times when the layer is complete, as making things in them changes these. */
  readonly #pendingTimes = new Map<string, PendingTimes>();
  /** Once a directory has the set-group-ID bit, what is made in it belongs to its group, not to root's. */
  #groupsInherited = false;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /**
   * Finishes an open file that was made with the entry's permission bits: owner before mode, as chown(2) takes
   * set-user-ID bits away, and both before security.capability, which it takes away too (D1, D9).
   */
  finishFile(fd: number, entry: TarEntry): void {
    const owned = entry.uid !== 0 || entry.gid !== 0 || this.#groupsInherited;
    if (owned) fchownSync(fd, entry.uid, entry.gid);
    if ((entry.mode & 0o7000) !== 0) fchmodSync(fd, entry.mode);
    if (entry.xattrs.size > 0) this.#setXattrs(entry, (name, value) => setOpenXattr(fd, name, value));
    const result = setOpenTimes(fd, entry.mtime.seconds, entry.mtime.nanoseconds, this.#scratch);
    if (result < 0) throw kernelRefusal(entry.name, 'cannot have its time set', -result);
  }

  /** Sets everything but the times on an open directory; attributes of an older one are replaced (D17). */
  finishDirectory(fd: number, path: Buffer, entry: TarEntry, existed: boolean): void {
    fchownSync(fd, entry.uid, entry.gid);
    fchmodSync(fd, entry.mode);
    if ((entry.mode & 0o2000) !== 0) this.#groupsInherited = true;
    if (existed) {
      for (const name of listXattrs(path)) {
        if (xattrFate(name) === 'set' && !entry.xattrs.has(name))
          removeXattr(path, cString(Buffer.from(name, 'latin1')));
      }
    }
    if (entry.xattrs.size > 0) this.#setXattrs(entry, (name, value) => setOpenXattr(fd, name, value));
  }

  /** Sets extended attributes and times of what cannot be opened: symlinks, devices, fifos. */
  finishByPath(path: Buffer, entry: TarEntry): void {
    if (entry.xattrs.size > 0) this.#setXattrs(entry, (name, value) => setXattr(path, name, value));
    const result = setTimes(path, entry.mtime.seconds, entry.mtime.nanoseconds, this.#scratch);
    if (result < 0) throw kernelRefusal(entry.name, 'cannot have its time set', -result);
  }

  /** Remembers a directory's times for {@link applyTimes}. */
  deferTimes(path: Buffer, entry: TarEntry): void {
    const facts = inodeAtPath(path, this.#scratch);
    if (typeof facts === 'number') throw kernelRefusal(entry.name, 'cannot be looked at', -facts);
    this.#pendingTimes.set(path.toString('latin1'), { path, ...entry.mtime, inode: facts.inode });
  }

  /** Sets the times of the layer's directories, as far as they still are the ones that were made (D16). */
  applyTimes(): void {
    for (const { path, seconds, nanoseconds, inode } of this.#pendingTimes.values()) {
      const facts = inodeAtPath(path, this.#scratch);
      if (typeof facts !== 'number' && facts.inode === inode) {
        setTimes(path, seconds, nanoseconds, this.#scratch);
      }
    }
    this.#pendingTimes.clear();
  }

  /** Finishes the root directory, which stays private until everything was checked. */
  finishRoot(entry: TarEntry | undefined): void {
    const path = Buffer.from('.\0');
    const fd = openDirectoryNoFollow(path);
    if (fd < 0) throw kernelRefusal(Buffer.from('.'), 'cannot be opened', -fd);
    try {
      if (entry === undefined) {
        fchownSync(fd, 0, 0);
        fchmodSync(fd, 0o755);
        return;
      }
      this.finishDirectory(fd, path, entry, true);
      setOpenTimes(fd, entry.mtime.seconds, entry.mtime.nanoseconds, this.#scratch);
    } finally {
      closeSync(fd);
    }
  }

  #setXattrs(entry: TarEntry, set: (name: Buffer, value: Buffer) => number): void {
    checkNames(entry);
    for (const [name, value] of entry.xattrs) {
      const fate = xattrFate(name);
      if (fate === 'drop') continue;
      if (fate === 'drop-with-note') {
        this.#tally.note(`extended attributes ${namespaceOf(name)}.* are not kept`);
        continue;
      }
      const bytes = Buffer.from(name, 'latin1');
      const result = set(cString(bytes), value);
      if (result < 0) this.#onRefusal(entry, name, -result);
    }
  }

  #onRefusal(entry: TarEntry, name: string, errno: number): void {
    const known = errnoName(errno);
    if (known === 'EOPNOTSUPP' || known === 'ENOTSUP') {
      this.#tally.note(`the file system does not support extended attributes ${namespaceOf(name)}.*`);
    } else if (known === 'EPERM' || (name === 'security.capability' && entry.type !== 'file')) {
      this.#tally.note(`extended attributes ${namespaceOf(name)}.* are not kept on a ${entry.type}`);
    } else {
      throw entryError(entry.name, `has an extended attribute that cannot be set (${known})`);
    }
  }
}

/**
 * Refuses a file with so many attributes that listxattr(2) could not name them: some file systems take them, and
 * then nothing could copy the file.
 */
function checkNames(entry: TarEntry): void {
  let bytes = 0;
  for (const name of entry.xattrs.keys()) bytes += name.length + 1;
  if (bytes > maxXattrList) throw entryError(entry.name, 'has too many extended attributes');
}

/** The first part of an attribute's name, for a note; only letters are shown. */
function namespaceOf(name: string): string {
  return /^[a-z]+/.exec(name)?.[0] ?? 'of unknown kinds';
}
