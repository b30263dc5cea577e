import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { splitDigest } from '../../base/digests.ts';
import { newUlid } from '../../base/ulid.ts';
import { diskFailure } from '../blobs/disk-failure.ts';
import { digestSchema } from '../descriptors.ts';
import { digestOf } from '../digest-check.ts';
import { errorCode } from '../http/failures.ts';
import type { FetchedDocument } from '../resolve-manifest.ts';

/** What was fetched to resolve a reference: the first document is what the tag or digest named. */
export interface CachedManifests {
  /** Epoch milliseconds. */
  readonly fetchedAt: number;
  readonly documents: readonly FetchedDocument[];
}

const schema = z.strictObject({
  fetchedAt: z.number(),
  documents: z.array(
    z.strictObject({ digest: digestSchema, mediaType: z.string().optional(), bytes: z.base64() }),
  ),
});

/** `manifests/<sha256 of registry/repo:ref:arch>` below the cache (contract 2.1). */
export function manifestCacheFile(cacheDir: string, reference: string, platform: string): string {
  const key = createHash('sha256').update(`${reference}:${platform}`).digest('hex');
  return join(cacheDir, 'manifests', key);
}

/** Reads an entry; one that is damaged or whose bytes are not their digest's is as good as none. */
export async function readManifestCache(path: string): Promise<CachedManifests | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw diskFailure(error, 'reading the manifest cache');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Torn by a crash: fetched anew.
    return undefined;
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) return undefined;
  const documents = parsed.data.documents.map(({ digest, mediaType, bytes }) => ({
    digest,
    mediaType,
    bytes: Buffer.from(bytes, 'base64'),
  }));
  const honest = documents.every(
    ({ digest, bytes }) => digestOf(bytes, splitDigest(digest).algorithm) === digest,
  );
  return honest ? { fetchedAt: parsed.data.fetchedAt, documents } : undefined;
}

/** Whether an entry may be used: what a digest names never changes, a tag is taken for unchanged for `ttlMs`. */
export function isFresh(entry: CachedManifests, byDigest: boolean, ttlMs: number, now: number): boolean {
  if (byDigest) return true;
  const age = now - entry.fetchedAt;
  return age >= 0 && age < ttlMs;
}

/** Replaces an entry. @throws SdmeError `disk.full`, `io` */
export async function writeManifestCache(path: string, entry: CachedManifests): Promise<void> {
  const documents = entry.documents.map(({ digest, mediaType, bytes }) => ({
    digest,
    mediaType,
    bytes: Buffer.from(bytes).toString('base64'),
  }));
  const temporary = `${path}.${newUlid()}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify({ fetchedAt: entry.fetchedAt, documents }), { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw diskFailure(error, 'writing the manifest cache');
  }
}

/** How long an entry is kept that nobody renewed, in milliseconds. */
const keepMs = 30 * 24 * 3600 * 1000;

async function changeTime(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    // Renamed into place, or removed by somebody else, in between.
    if (errorCode(error) === 'ENOENT') return Date.now();
    throw diskFailure(error, 'reading the manifest cache');
  }
}

/** Removes entries not renewed for a month, or all of them. */
export async function cleanManifestCache(cacheDir: string, all: boolean): Promise<void> {
  const directory = join(cacheDir, 'manifests');
  const names = await readdir(directory).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw diskFailure(error, 'reading the manifest cache');
  });
  for (const name of names) {
    const path = join(directory, name);
    const changedAt = await changeTime(path);
    if (all || Date.now() - changedAt > keepMs) await rm(path, { force: true });
  }
}
