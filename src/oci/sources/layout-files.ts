import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Digest, splitDigest } from '../../base/digests.ts';
import { SdmeError } from '../../base/errors.ts';
import { diskFailure } from '../blobs/disk-failure.ts';
import { errorCode } from '../http/failures.ts';

/** The files of an OCI layout, wherever they lie (OCI image spec image-layout.md). */
export interface LayoutFiles extends AsyncDisposable {
  /** How the layout is named in messages. */
  readonly name: string;
  /** A small file, at most `limit` bytes; undefined when it is missing. @throws SdmeError `oci.limit`, `input.invalid` */
  read(path: string, limit: number): Promise<Buffer | undefined>;
  /** A regular file opened for reading, and where it begins; undefined when it is missing. */
  open(path: string): Promise<LayoutFile | undefined>;
}

/** A file of a layout: `size` bytes of `handle` from `offset`. Whoever has it closes the handle. */
export interface LayoutFile {
  readonly handle: FileHandle;
  readonly offset: number;
  readonly size: number;
}

/** Where a layout keeps a blob. */
export function blobPathInLayout(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `blobs/${algorithm}/${hex}`;
}

/** The bytes of a layout's file, at most `limit`. @throws SdmeError `oci.limit` */
export async function readLayoutFile(file: LayoutFile, limit: number, what: string): Promise<Buffer> {
  if (file.size > limit) throw new SdmeError('oci.limit', `${what} is larger than ${limit} bytes`);
  const buffer = Buffer.alloc(file.size);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.handle.read(
      buffer,
      length,
      buffer.length - length,
      file.offset + length,
    );
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY;
// A fifo would block, a device would act: neither is opened for more than the look at its type.
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

async function openAt(
  directory: FileHandle,
  name: string,
  flags: number,
  shown: string,
): Promise<FileHandle | undefined> {
  try {
    return await open(`/proc/self/fd/${directory.fd}/${name}`, flags);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENXIO') {
      throw new SdmeError(
        'input.invalid',
        `${shown} is not a regular file; an OCI layout must not hold anything else`,
      );
    }
    throw diskFailure(error, `opening ${shown}`);
  }
}

/**
 * The files of a layout directory. Below it no symlink is followed and only regular files are read, as whoever made
 * the directory may point them elsewhere (unpack-cases F18).
 */
export async function openLayoutDirectory(path: string): Promise<LayoutFiles> {
  let root: FileHandle;
  try {
    root = await open(path, directoryFlags);
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new SdmeError('not-found', `source path does not exist: ${path}`);
    throw diskFailure(error, `opening ${path}`);
  }
  const openFile = async (relative: string): Promise<LayoutFile | undefined> => {
    const parts = relative.split('/');
    const last = parts.pop() ?? '';
    const shown = `${path}/${relative}`;
    let directory = root;
    try {
      for (const part of parts) {
        const next = await openAt(directory, part, directoryFlags | constants.O_NOFOLLOW, shown);
        if (next === undefined) return undefined;
        if (directory !== root) await directory.close();
        directory = next;
      }
      const handle = await openAt(directory, last, fileFlags, shown);
      if (handle === undefined) return undefined;
      const stat = await handle.stat();
      if (stat.isFile()) return { handle, offset: 0, size: stat.size };
      await handle.close();
      throw new SdmeError(
        'input.invalid',
        `${shown} is not a regular file; an OCI layout must not hold anything else`,
      );
    } finally {
      if (directory !== root) await directory.close();
    }
  };
  return {
    name: path,
    open: openFile,
    read: async (relative, limit) => {
      const file = await openFile(relative);
      if (file === undefined) return undefined;
      await using _handle = file.handle;
      return await readLayoutFile(file, limit, `${path}/${relative}`);
    },
    [Symbol.asyncDispose]: () => root.close(),
  };
}
