import { constants } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Descriptor } from '../descriptors.ts';
import { shortDigest } from '../digest-check.ts';
import { errorCode } from '../http/failures.ts';
import { type BlobWriter, openBlobWriter } from './blob-writer.ts';
import { blobPath, partialPath } from './cache-files.ts';
import { diskFailure } from './disk-failure.ts';
import { identityRuns } from './process-identity.ts';

/**
 * A blob on its way into the cache. It lies beside its final place under a name that holds the identity of the
 * process that writes it, so that two processes never write one file. Exactly one of the three ends it.
 */
export interface UnfinishedBlob {
  readonly writer: BlobWriter;
  /** Where it lies until it is committed. */
  readonly path: string;
  /**
   * Checks the whole and renames it into place. It is not synced to the disk: who reads a cached blob checks it, so a
   * file torn by a power cut is found then and fetched again. @throws SdmeError `oci.digest-mismatch`, `io`, `disk.full`
   */
  commit(): Promise<void>;
  /** Leaves what is there for the next attempt, of this or another process. */
  keep(): Promise<void>;
  /** Removes it. */
  remove(): Promise<void>;
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Frees the unfinished downloads of processes that are gone, so that the next to want them goes on with them. */
export async function releaseOrphans(cacheDir: string): Promise<void> {
  for (const algorithm of ['sha256', 'sha512']) {
    const directory = join(cacheDir, algorithm);
    const names = await readdir(directory).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    });
    for (const name of names) {
      const match = /^(\.[0-9a-f]+\.part)-(.+)$/.exec(name);
      if (match?.[1] === undefined || match[2] === undefined || (await identityRuns(match[2]))) continue;
      await renameIfThere(join(directory, name), join(directory, match[1]));
    }
  }
}

/** Claims the unfinished download of a blob, or begins one. `owner` is this process's identity. */
export async function openUnfinished(
  cacheDir: string,
  wanted: Descriptor,
  owner: string,
  signal: AbortSignal,
): Promise<UnfinishedBlob> {
  const own = partialPath(cacheDir, wanted.digest, owner);
  const loose = partialPath(cacheDir, wanted.digest);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  const handle = await (async () => {
    await renameIfThere(loose, own);
    return open(own, flags, 0o600);
  })().catch((error: unknown) => {
    throw diskFailure(error, `opening a file in ${dirname(own)}`);
  });
  const keep = async (length: number | undefined): Promise<void> => {
    try {
      if (length !== undefined) await handle.truncate(length);
    } finally {
      await handle.close();
      await renameIfThere(own, loose);
    }
  };
  try {
    const writer = await openBlobWriter(handle, wanted, `blob ${shortDigest(wanted.digest)}`, signal);
    return {
      writer,
      path: own,
      commit: async () => {
        writer.check();
        try {
          await handle.close();
          await rename(own, blobPath(cacheDir, wanted.digest));
        } catch (error) {
          throw diskFailure(error, 'finishing a blob');
        }
      },
      keep: () => keep(writer.length()),
      remove: async () => {
        await handle.close();
        await rm(own, { force: true });
      },
    };
  } catch (error) {
    await keep(undefined);
    throw error;
  }
}
