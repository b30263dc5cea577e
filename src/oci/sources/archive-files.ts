import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SdmeError } from '../../base/errors.ts';
import { formatSize } from '../../base/sizes.ts';
import { newUlid } from '../../base/ulid.ts';
import { appendStream, writeAll } from '../blobs/append-stream.ts';
import { diskFailure } from '../blobs/disk-failure.ts';
import { errorCode } from '../http/failures.ts';
import { type LayoutFile, type LayoutFiles, readLayoutFile } from './layout-files.ts';
import { listTar, type TarMember } from './tar-listing.ts';

/** The plain bytes of a compressed archive. */
export interface PlainBytes extends AsyncDisposable {
  readonly stream: Readable;
  /** After the end of `stream`: whether it was whole. */
  check(): Promise<void>;
}

/** How an archive is opened. */
export interface ArchiveOptions {
  /** For a compressed archive: gives its plain bytes. They are kept in a nameless file in `cacheDir` meanwhile. */
  readonly plain?: ((signal: AbortSignal) => Promise<PlainBytes>) | undefined;
  readonly cacheDir: string;
  /** Most plain bytes. */
  readonly maxSize: number;
  readonly signal: AbortSignal;
}

/** A file that has no name any more, so that it goes with its last descriptor whatever happens. */
async function openNameless(directory: string): Promise<FileHandle> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `.archive-${newUlid()}`);
  const handle = await open(
    path,
    constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    await rm(path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function spool(plain: PlainBytes, options: ArchiveOptions): Promise<FileHandle> {
  const { signal, maxSize } = options;
  const handle = await openNameless(options.cacheDir).catch((error: unknown) => {
    throw diskFailure(error, 'making room for an archive');
  });
  let size = 0;
  const append = async (chunks: readonly Buffer[]): Promise<number> => {
    const count = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (size + count > maxSize)
      throw new SdmeError('oci.limit', `the archive holds more than ${formatSize(maxSize)}`);
    await writeAll(handle, chunks, size);
    size += count;
    return count;
  };
  try {
    await pipeline(
      plain.stream,
      appendStream(append, () => {}),
      { signal },
    );
    await plain.check();
    return handle;
  } catch (error) {
    await handle.close();
    signal.throwIfAborted();
    throw error;
  }
}

async function openTar(path: string, options: ArchiveOptions): Promise<FileHandle> {
  if (options.plain !== undefined) {
    await using plain = await options.plain(options.signal);
    return await spool(plain, options);
  }
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new SdmeError('not-found', `source path does not exist: ${path}`);
    throw diskFailure(error, `opening ${path}`);
  }
}

/** Follows links between members: docker save writes a layer that several images share once. */
function findFile(
  members: ReadonlyMap<string, TarMember>,
  name: string,
): { offset: number; size: number } | undefined {
  let member = members.get(name);
  for (let hops = 0; member?.kind === 'link' && hops < 8; hops += 1) member = members.get(member.target);
  return member?.kind === 'file' ? member : undefined;
}

/**
 * The files of a tar archive. They are read where they lie: what `open` gives is a part of the archive. A plain archive
 * may change while it is read, so whoever reads a blob checks it.
 * @throws SdmeError `unpack.format`, `oci.limit`, `not-found`, `disk.full`; the signal's reason
 */
export async function openArchiveFiles(path: string, options: ArchiveOptions): Promise<LayoutFiles> {
  const tar = await openTar(path, options);
  try {
    const members = await listTar(tar, options.signal);
    const openMember = async (name: string): Promise<LayoutFile | undefined> => {
      const found = findFile(members, name);
      if (found === undefined) return undefined;
      return { handle: await open(`/proc/self/fd/${tar.fd}`, 'r'), offset: found.offset, size: found.size };
    };
    return {
      name: path,
      open: openMember,
      read: async (name, limit) => {
        const found = findFile(members, name);
        return found === undefined
          ? undefined
          : readLayoutFile({ handle: tar, ...found }, limit, `${name} in ${path}`);
      },
      [Symbol.asyncDispose]: () => tar.close(),
    };
  } catch (error) {
    await tar.close();
    throw error;
  }
}
