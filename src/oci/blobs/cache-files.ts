import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, type DigestAlgorithm, splitDigest } from '../../base/digests.ts';
import { errorCode } from '../http/failures.ts';

/** A blob in the cache, as its directory shows it. Times are epoch milliseconds. */
export interface CachedFile {
  readonly digest: Digest;
  readonly path: string;
  readonly size: number;
  readonly changedAt: number;
}

/** An unfinished download: `.<hex>.part`, or `.<hex>.part-<owner>` while a process writes it. */
export interface PartialFile {
  readonly path: string;
  readonly size: number;
  readonly changedAt: number;
  readonly owner: string | undefined;
}

const algorithms: readonly DigestAlgorithm[] = ['sha256', 'sha512'];
const hexLengths: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };

/** Where a blob lies: `<cache>/<algorithm>/<hex>` (contract 2.1). */
export function blobPath(cacheDir: string, digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return join(cacheDir, algorithm, hex);
}

/** Where its unfinished download lies, beside it so that a rename finishes it. */
export function partialPath(cacheDir: string, digest: Digest, owner?: string): string {
  const { algorithm, hex } = splitDigest(digest);
  return join(cacheDir, algorithm, `.${hex}.part${owner === undefined ? '' : `-${owner}`}`);
}

async function names(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function look(path: string): Promise<{ size: number; changedAt: number } | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { size, changedAt: mtimeMs };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** All blobs and unfinished downloads of the cache. Other names are none of ours and are not looked at. */
export async function listCache(cacheDir: string): Promise<{ blobs: CachedFile[]; partials: PartialFile[] }> {
  const blobs: CachedFile[] = [];
  const partials: PartialFile[] = [];
  for (const algorithm of algorithms) {
    for (const name of await names(join(cacheDir, algorithm))) {
      const path = join(cacheDir, algorithm, name);
      const partial = /^\.[0-9a-f]+\.part(?:-(.+))?$/.exec(name);
      const whole = name.length === hexLengths[algorithm] && /^[0-9a-f]+$/.test(name);
      if (!whole && partial === null) continue;
      const found = await look(path);
      if (found === undefined) continue;
      if (whole) blobs.push({ digest: `${algorithm}:${name}`, path, ...found });
      else partials.push({ path, owner: partial?.[1], ...found });
    }
  }
  return { blobs, partials };
}
