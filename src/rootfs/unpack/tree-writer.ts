import { closeSync, writeSync } from 'node:fs';
import type { TarEntry, TarSink } from '../../oci/tar/entry.ts';
import { errnoOf } from '../../system/failure.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO } from '../../system/ffi/constants.ts';
import {
  changeOwner,
  createFile,
  EEXIST,
  inodeAtPath,
  makeDirectory,
  makeHardlink,
  makeNode,
  makeSymlink,
  openDirectoryNoFollow,
} from '../../system/file-calls.ts';
import { Attributes, checkOwner } from './attributes.ts';
import { entryError, kernelRefusal } from './entry-error.ts';
import { type EntryPath, layerPath, plainPath } from './entry-path.ts';
import { LayerMarks } from './layer-marks.ts';
import { place, removeNode } from './place.ts';
import type { UnpackLimits, UnpackPolicy } from './protocol.ts';
import type { Tally } from './tally.ts';

/**
 * Writes tar entries as files below the root directory of this process, one layer after the other. Must run
 * confined: paths are looked up by the kernel from that root, and only that keeps them inside.
 */
export class TreeWriter implements TarSink {
  readonly #limits: UnpackLimits;
  readonly #policy: UnpackPolicy;
  readonly #tally: Tally;
  readonly #marks = new LayerMarks();
  readonly #attributes: Attributes;
  readonly #scratch = Buffer.alloc(256);
  #root: TarEntry | undefined;
  /** The file whose content comes, and its descriptor; -1 when its content goes nowhere. */
  #file: TarEntry | undefined;
  #fd = -1;

  constructor(limits: UnpackLimits, policy: UnpackPolicy, tally: Tally) {
    this.#limits = limits;
    this.#policy = policy;
    this.#tally = tally;
    this.#attributes = new Attributes(tally);
  }

  /** Ends a layer. */
  endLayer(): void {
    this.#attributes.applyTimes();
    this.#marks.nextLayer();
  }

  /** Ends the tree, when everything was checked: the root gets the mode that lets others in. */
  endTree(): void {
    this.#attributes.finishRoot(this.#root);
  }

  entry(entry: TarEntry): void {
    this.#tally.countEntry();
    const target = this.#pathOf(entry.name);
    switch (target.kind) {
      case 'root':
        this.#takeRoot(entry);
        return;
      case 'node':
        checkOwner(entry);
        this.#make(entry, target.path);
        return;
      case 'whiteout':
        this.#marks.whiteOut(target.parent, target.name);
        return;
      case 'opaque':
        this.#marks.whiteOutAll(target.parent);
        return;
      case 'skipped':
        return;
    }
  }

  #pathOf(name: Buffer): EntryPath {
    if (this.#policy.whiteouts === 'apply') return layerPath(name, this.#limits.depth);
    const path = plainPath(name, this.#limits.depth);
    return path === undefined ? { kind: 'root' } : { kind: 'node', path };
  }

  #takeRoot(entry: TarEntry): void {
    if (entry.type !== 'directory')
      throw entryError(entry.name, `would make the root directory a ${entry.type}`);
    checkOwner(entry);
    this.#root = entry;
  }

  #make(entry: TarEntry, path: Buffer): void {
    switch (entry.type) {
      case 'file':
        this.#file = entry;
        this.#fd = place(path, this.#marks, 'cannot be made', () => createFile(path, entry.mode & 0o777));
        return;
      case 'directory':
        this.#makeDirectory(entry, path);
        return;
      case 'symlink':
        this.#makeSymlink(entry, path);
        return;
      case 'hardlink':
        this.#makeHardlink(entry, path);
        return;
      case 'char':
      case 'block':
      case 'fifo':
        this.#makeDevice(entry, path);
        return;
    }
  }

  content(chunk: Buffer, start: number, end: number): void {
    if (this.#fd === -1) return;
    this.#tally.contentBytes += end - start;
    try {
      for (let at = start; at < end; ) at += writeSync(this.#fd, chunk, at, end - at);
    } catch (error) {
      throw this.#writeError(error);
    }
  }

  #writeError(error: unknown): unknown {
    if (this.#file === undefined || errnoOf(error) === undefined) return error;
    const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
    return kernelRefusal(this.#file.name, 'cannot be written', -errno);
  }

  contentEnd(): void {
    const [entry, fd] = [this.#file, this.#fd];
    this.#file = undefined;
    this.#fd = -1;
    if (entry === undefined) return;
    try {
      this.#attributes.finishFile(fd, entry);
      this.#marks.madeOpen(fd);
    } finally {
      closeSync(fd);
    }
  }

  #makeDirectory(entry: TarEntry, path: Buffer): void {
    let existed = false;
    place(path, this.#marks, 'cannot be made', () => {
      const result = makeDirectory(path, 0o700);
      if (result !== -EEXIST) return result;
      const facts = inodeAtPath(path, this.#scratch);
      existed = typeof facts !== 'number' && facts.type === S_IFDIR;
      return existed ? 0 : result;
    });
    const fd = openDirectoryNoFollow(path);
    if (fd < 0) throw kernelRefusal(entry.name, 'cannot be opened', -fd);
    try {
      this.#attributes.finishDirectory(fd, path, entry, existed);
      this.#marks.madeOpen(fd);
    } finally {
      closeSync(fd);
    }
    this.#attributes.deferTimes(path, entry);
  }

  #makeSymlink(entry: TarEntry, path: Buffer): void {
    if (entry.linkName.length === 0) throw entryError(entry.name, 'is a symlink without a target');
    const target = Buffer.concat([entry.linkName, Buffer.alloc(1)]);
    place(path, this.#marks, 'cannot be made', () => makeSymlink(target, path));
    this.#setOwner(entry, path);
    this.#attributes.finishByPath(path, entry);
    this.#marks.made(path);
  }

  #setOwner(entry: TarEntry, path: Buffer): void {
    const result = changeOwner(path, entry.uid, entry.gid);
    if (result < 0) throw kernelRefusal(entry.name, 'cannot have its owner set', -result);
  }

  /** Mode and owner of the entry are ignored: they are the target's (B10, B14). */
  #makeHardlink(entry: TarEntry, path: Buffer): void {
    const target = plainPath(entry.linkName, this.#limits.depth, entry.name);
    if (target === undefined || target.equals(path)) {
      throw entryError(entry.name, 'is a hard link to itself or to the root');
    }
    const wanted = inodeAtPath(target, this.#scratch);
    if (typeof wanted === 'number')
      throw kernelRefusal(entry.name, 'is a hard link to what is not there', -wanted);
    if (wanted.type === S_IFDIR) throw entryError(entry.name, 'is a hard link to a directory');
    const there = inodeAtPath(path, this.#scratch);
    const same = typeof there !== 'number' && there.inode === wanted.inode;
    // The same file by another way: removing it first could remove the target itself.
    if (!same) place(path, this.#marks, 'cannot be linked', () => makeHardlink(target, path));
    this.#marks.madeLink(path);
  }

  #makeDevice(entry: TarEntry, path: Buffer): void {
    const whiteout = entry.type === 'char' && entry.major === 0 && entry.minor === 0;
    if (whiteout || this.#policy.devices === 'skip') {
      const reason = whiteout
        ? 'character devices 0:0 mean whiteouts to overlayfs'
        : 'devices and fifos are skipped';
      this.#tally.note(`${reason}: left out`);
      if (typeof inodeAtPath(path, this.#scratch) !== 'number') removeNode(path);
      return;
    }
    const type = entry.type === 'char' ? S_IFCHR : entry.type === 'block' ? S_IFBLK : S_IFIFO;
    const mode = type | (entry.mode & 0o7777);
    place(path, this.#marks, 'cannot be made', () => makeNode(path, mode, entry.major, entry.minor));
    this.#setOwner(entry, path);
    this.#attributes.finishByPath(path, entry);
    this.#marks.made(path);
  }
}
