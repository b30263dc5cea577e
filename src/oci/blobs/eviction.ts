import type { Digest } from '../../base/digests.ts';
import type { CachedFile, PartialFile } from './cache-files.ts';
import type { LastUse } from './use-index.ts';

/** How long an unfinished download nobody works on is kept for a resume, in milliseconds. */
export const partialKeepMs = 24 * 3600 * 1000;

/** What is known when room must be made. */
export interface CacheState {
  readonly blobs: readonly CachedFile[];
  readonly partials: readonly PartialFile[];
  readonly uses: LastUse;
  /** Blobs an import of this process holds. */
  readonly pinned: ReadonlySet<Digest>;
  /** Bytes the cache may have; 0: nothing is kept. */
  readonly maxSize: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Paths to remove: unowned unfinished downloads that are old, then blobs least recently used, never pinned ones. */
export function whatToEvict(state: CacheState): {
  readonly blobs: CachedFile[];
  readonly partials: PartialFile[];
} {
  const loose = state.partials.filter(({ owner }) => owner === undefined);
  const partials = loose.filter(
    ({ changedAt }) => state.maxSize === 0 || state.now - changedAt > partialKeepMs,
  );
  const lastUse = (blob: CachedFile): number => state.uses.get(blob.digest) ?? blob.changedAt;
  let size = state.blobs.reduce((sum, blob) => sum + blob.size, 0);
  const blobs: CachedFile[] = [];
  for (const blob of [...state.blobs].sort((a, b) => lastUse(a) - lastUse(b))) {
    if (size <= state.maxSize) break;
    if (state.pinned.has(blob.digest)) continue;
    blobs.push(blob);
    size -= blob.size;
  }
  return { blobs, partials };
}
