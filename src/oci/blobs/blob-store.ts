import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../base/digests.ts';
import type { Descriptor } from '../descriptors.ts';
import { errorCode } from '../http/failures.ts';
import { cleanManifestCache } from '../registry/manifest-cache.ts';
import { blobPath, type CachedFile, listCache } from './cache-files.ts';
import { diskFailure } from './disk-failure.ts';
import { whatToEvict } from './eviction.ts';
import { ownIdentity } from './process-identity.ts';
import { openUnfinished, releaseOrphans, type UnfinishedBlob } from './unfinished-blob.ts';
import { formatUseIndex, readUseIndex, writeUseIndex } from './use-index.ts';

/** A claim on a blob: while one is held, neither the limit nor a clean-up removes the blob. */
export interface Pin {
  /** Ends the claim; the last one lets the limit act. Never throws for a blob that is gone. */
  release(): Promise<void>;
}

/** What a clean-up did. */
export interface Cleaned {
  readonly freedBytes: number;
  readonly blobs: number;
}

/**
 * Blobs by digest below one directory, at most so many bytes in all; least recently used go first. The directory is
 * the truth: several processes may use it, and a blob removed while somebody reads it stays readable to them.
 */
export interface BlobStore {
  /** `transient`: the blob goes with its last pin, unless it was there before or somebody else wants it kept. */
  pin(digest: Digest, transient: boolean): Promise<Pin>;
  has(wanted: Descriptor): Promise<boolean>;
  /**
   * Opens a blob of that digest and size; one of another size is damaged and as good as none, the next download
   * replaces it. Its content is not checked.
   */
  open(wanted: Descriptor): Promise<FileHandle | undefined>;
  /** Begins or continues a download. One at a time for each digest in a process. */
  begin(wanted: Descriptor, signal: AbortSignal): Promise<UnfinishedBlob>;
  /** Removes a damaged blob. */
  drop(digest: Digest): Promise<void>;
  /** Removes what is unfinished and over the limit; with `all` every blob no import holds. */
  clean(all: boolean): Promise<Cleaned>;
}

interface PinState {
  count: number;
  transient: boolean;
}

/** Opens the store; makes nothing until a blob is fetched. `maxSize` in bytes; 0: blobs go with their imports. */
export function openBlobStore(cacheDir: string, maxSize: number): BlobStore {
  const pins = new Map<Digest, PinState>();
  const used = new Map<Digest, number>();
  let prepared: Promise<string> | undefined;
  let tidying: Promise<void> | undefined;
  let again = false;

  const prepare = async (): Promise<string> => {
    for (const name of ['sha256', 'sha512'])
      await mkdir(join(cacheDir, name), { recursive: true, mode: 0o700 });
    await releaseOrphans(cacheDir);
    return ownIdentity();
  };

  const evict = async (limit: number, looseToo: boolean): Promise<Cleaned> => {
    const { blobs, partials } = await listCache(cacheDir);
    const uses = new Map([...(await readUseIndex(cacheDir)), ...used]);
    const pinned = new Set(pins.keys());
    const going = whatToEvict({ blobs, partials, uses, pinned, maxSize: limit, now: Date.now() });
    const loose = looseToo ? partials.filter(({ owner }) => owner === undefined) : going.partials;
    for (const { path } of [...going.blobs, ...loose]) await rm(path, { force: true });
    const gone = new Set(going.blobs.map(({ digest }) => digest));
    const left = blobs.filter(({ digest }) => !gone.has(digest));
    if (blobs.length > 0) {
      await writeUseIndex(cacheDir, formatUseIndex(left, uses)).catch(() => {
        // E.g. the disk is full. The index holds nothing but the order of use, which is no reason to fail an import.
      });
    }
    return {
      freedBytes: [...going.blobs, ...loose].reduce((sum, { size }) => sum + size, 0),
      blobs: gone.size,
    };
  };

  /** Applies the limit and writes the index; calls that come meanwhile are served by one more round. */
  const tidy = async (): Promise<void> => {
    again = true;
    tidying ??= (async () => {
      try {
        while (again) {
          again = false;
          await evict(maxSize, false);
        }
      } finally {
        tidying = undefined;
      }
    })();
    await tidying;
  };

  const look = async (wanted: Descriptor): Promise<FileHandle | undefined> => {
    let handle: FileHandle;
    try {
      handle = await open(
        blobPath(cacheDir, wanted.digest),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw diskFailure(error, 'opening a cached blob');
    }
    const stat = await handle.stat();
    if (stat.isFile() && stat.size === wanted.size) return handle;
    await handle.close();
    return undefined;
  };

  const has = async (wanted: Descriptor): Promise<boolean> => {
    const handle = await look(wanted);
    await handle?.close();
    return handle !== undefined;
  };

  const drop = async (digest: Digest): Promise<void> => {
    await rm(blobPath(cacheDir, digest), { force: true });
  };

  return {
    has,
    drop,
    pin: async (digest, transient) => {
      const known = pins.get(digest);
      const state = known ?? { count: 0, transient };
      state.count += 1;
      state.transient &&= transient;
      pins.set(digest, state);
      if (known === undefined && transient) state.transient &&= !(await isThere(cacheDir, digest));
      let held = true;
      return {
        release: async () => {
          if (!held) return;
          held = false;
          state.count -= 1;
          if (state.count > 0) return;
          pins.delete(digest);
          if (state.transient) await drop(digest);
          else if (used.has(digest)) await tidy();
        },
      };
    },
    open: async (wanted) => {
      const handle = await look(wanted);
      if (handle !== undefined) used.set(wanted.digest, Date.now());
      return handle;
    },
    begin: async (wanted, signal) => {
      prepared ??= prepare();
      const owner = await prepared.catch((error: unknown) => {
        prepared = undefined;
        throw diskFailure(error, `preparing the cache ${cacheDir}`);
      });
      return openUnfinished(cacheDir, wanted, owner, signal);
    },
    clean: async (all) => {
      await cleanManifestCache(cacheDir, all);
      return evict(all ? 0 : maxSize, true);
    },
  };
}

async function isThere(cacheDir: string, digest: Digest): Promise<boolean> {
  try {
    const handle = await open(
      blobPath(cacheDir, digest),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    await handle.close();
    return true;
  } catch {
    // Whatever it is, it is no blob that must be kept.
    return false;
  }
}

/** What `fs cache info` and `ls` show. Reads only. */
export interface CacheListing {
  readonly directory: string;
  readonly blobs: readonly (CachedFile & { readonly lastUse: number })[];
  readonly size: number;
}

/** Lists the cache, most recently used first; needs no open store. */
export async function readCache(cacheDir: string): Promise<CacheListing> {
  const { blobs } = await listCache(cacheDir);
  const uses = await readUseIndex(cacheDir);
  const listed = blobs.map((blob) => ({ ...blob, lastUse: uses.get(blob.digest) ?? blob.changedAt }));
  return {
    directory: cacheDir,
    blobs: listed.sort((a, b) => b.lastUse - a.lastUse),
    size: listed.reduce((sum, { size }) => sum + size, 0),
  };
}
