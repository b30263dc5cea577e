import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, parseDigest } from '../../base/digests.ts';
import { newUlid } from '../../base/ulid.ts';
import { errorCode } from '../http/failures.ts';
import type { CachedFile } from './cache-files.ts';

/** When blobs were last used, in epoch milliseconds. */
export type LastUse = ReadonlyMap<Digest, number>;

/** Lines `sha256:hex=size,seconds` (contract 2.1). Lines that are not so are passed over: at worst a blob looks unused. */
export function parseUseIndex(text: string): Map<Digest, number> {
  const uses = new Map<Digest, number>();
  for (const line of text.split('\n')) {
    const match = /^([a-z0-9]+:[0-9a-f]+)=[0-9]+,([0-9]+)$/.exec(line);
    if (match?.[1] === undefined) continue;
    try {
      uses.set(parseDigest(match[1]), Number(match[2]) * 1000);
    } catch {
      // Not a digest of ours: a damaged line.
    }
  }
  return uses;
}

/** The index of the blobs that are there. */
export function formatUseIndex(blobs: readonly CachedFile[], uses: LastUse): string {
  return blobs
    .map(
      (blob) =>
        `${blob.digest}=${blob.size},${Math.floor((uses.get(blob.digest) ?? blob.changedAt) / 1000)}\n`,
    )
    .sort()
    .join('');
}

/** Reads the index of a cache; a missing one is empty. */
export async function readUseIndex(cacheDir: string): Promise<Map<Digest, number>> {
  try {
    return parseUseIndex(await readFile(join(cacheDir, 'index'), 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return new Map();
    throw error;
  }
}

/** Replaces the index. The directory is what counts: a lost index costs an order, never a blob. */
export async function writeUseIndex(cacheDir: string, text: string): Promise<void> {
  const temporary = join(cacheDir, `.index-${newUlid()}`);
  try {
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, join(cacheDir, 'index'));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
