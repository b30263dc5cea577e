import { closeSync } from 'node:fs';
import { cString } from '../../system/c-string.ts';
import { readEntries } from '../../system/directory-entries.ts';
import {
  ENOENT,
  ENOTDIR,
  type InodeFacts,
  inodeAt,
  inodeAtPath,
  inodeOf,
  openDirectoryFollow,
} from '../../system/file-calls.ts';
import { removal } from '../../system/fs/removal.ts';
import { kernelRefusal } from './entry-error.ts';

const here = Buffer.from('.\0');

/**
 * What the present layer has made, so that its whiteouts take only what lower layers made, wherever they stand in
 * the tar (layer.md: "MUST only apply to resources in lower/parent layers"; C5, C6). Made things are known by
 * inode, since one directory may be named by several paths; a hard link to a lower layer's file shares its inode
 * with that file, so it is known by parent inode and name.
 */
export class LayerMarks {
  /** The first layer has nothing below it: nothing is marked, and whiteouts do nothing. */
  #lower = false;
  readonly #made = new Set<number | bigint>();
  readonly #links = new Set<string>();
  readonly #scratch = Buffer.alloc(256);

  /** Ends a layer: what it made is lower from now on. */
  nextLayer(): void {
    this.#lower = true;
    this.#made.clear();
    this.#links.clear();
  }

  /** Marks an open file as made. */
  madeOpen(fd: number): void {
    if (this.#lower) this.#mark(inodeOf(fd, this.#scratch));
  }

  /** Marks a path's inode as made. */
  made(path: Buffer): void {
    if (this.#lower) this.#mark(inodeAtPath(path, this.#scratch));
  }

  #mark(facts: InodeFacts | number): void {
    if (typeof facts !== 'number') this.#made.add(facts.inode);
  }

  /** Marks the name of a hard link as made. */
  madeLink(path: Buffer): void {
    if (!this.#lower) return;
    const slash = path.lastIndexOf(0x2f);
    const parent = slash === -1 ? here : Buffer.concat([path.subarray(0, slash), Buffer.alloc(1)]);
    const fd = openDirectoryFollow(parent);
    if (fd < 0) return;
    const key = this.#linkKey(fd, path.subarray(slash + 1, -1));
    closeSync(fd);
    if (key !== undefined) this.#links.add(key);
  }

  #linkKey(parentFd: number, name: Buffer): string | undefined {
    const facts = inodeOf(parentFd, this.#scratch);
    return typeof facts === 'number' ? undefined : `${facts.inode}/${name.toString('latin1')}`;
  }

  readonly #keep = (parentFd: number, name: Buffer): boolean => {
    const facts = inodeAt(parentFd, cString(name), this.#scratch);
    if (typeof facts === 'number') return false;
    if (this.#made.has(facts.inode)) return true;
    if (this.#links.size === 0) return false;
    const key = this.#linkKey(parentFd, name);
    return key !== undefined && this.#links.has(key);
  };

  /** Removes `name` of the directory `parent` as far as lower layers made it; a missing one is no error (C11). */
  whiteOut(parent: Buffer, name: Buffer): void {
    this.#inDirectory(parent, (fd) => drain(removal(fd, name, this.#keep)));
  }

  /** Removes all that lower layers made in the directory `parent` (C12, C18). */
  whiteOutAll(parent: Buffer): void {
    this.#inDirectory(parent, (fd) => {
      const names: Buffer[] = [];
      const buffer = Buffer.allocUnsafe(32 * 1024);
      for (let some = readEntries(fd, buffer); some; some = readEntries(fd, buffer)) {
        for (const { name } of some) names.push(name);
      }
      for (const name of names) drain(removal(fd, name, this.#keep));
    });
  }

  #inDirectory(path: Buffer, work: (fd: number) => void): void {
    if (!this.#lower) return;
    const fd = openDirectoryFollow(path);
    if (fd === -ENOENT || fd === -ENOTDIR) return;
    if (fd < 0) throw kernelRefusal(path.subarray(0, -1), 'cannot be opened for a whiteout', -fd);
    try {
      work(fd);
    } finally {
      closeSync(fd);
    }
  }
}

function drain(steps: Iterable<void>): void {
  for (const _step of steps);
}
