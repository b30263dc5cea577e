import type { ErrorRecord } from '../../base/errors.ts';
import { usualUnpackFactor } from '../disk-space.ts';

/** A piece that is fetched: a layer by digest, or a download by URL. */
export interface PlannedPiece {
  readonly id: string;
  /** Bytes; 0 when the server does not say. */
  readonly size: number;
  /** It is in the cache already. */
  readonly here: boolean;
  /** It is kept, and so fetched once for all that want it; others are fetched by each import anew. */
  readonly kept: boolean;
}

/** What one source of a batch would take. */
export interface PlannedSource {
  readonly source: string;
  readonly name: string;
  /** Absent when the source cannot be imported; `error` says why. */
  readonly kind?: 'registry' | 'layout' | 'archive' | 'tarball' | 'directory' | 'url';
  readonly pieces: readonly PlannedPiece[];
  /** Bytes of a source on this machine, compressed or not; 0 for others. */
  readonly localBytes: number;
  /** Whether `localBytes` are compressed, so that they grow. */
  readonly compressed: boolean;
  /** A server did not say how much it has, so that it counts as nothing. */
  readonly sizeUnknown?: true;
  readonly error?: ErrorRecord;
}

/** What a batch of imports would fetch and need. Bytes; estimates where marked. */
export interface ImportPlan {
  readonly sources: readonly PlannedSource[];
  /** What would come over the network. */
  readonly bytesToFetch: number;
  /** What is saved because several sources want the same piece. */
  readonly bytesShared: number;
  /** What is saved because it is in the cache. */
  readonly bytesCached: number;
  /** Estimate: the unpacked trees, and what the cache keeps. */
  readonly diskNeeded: number;
  readonly diskAvailable: number;
  readonly fits: boolean;
}

function unpackedBytes(source: PlannedSource): number {
  const fetched = source.pieces.reduce((sum, { size }) => sum + size, 0);
  const growing = fetched + (source.compressed ? source.localBytes : 0);
  return growing * usualUnpackFactor + (source.compressed ? 0 : source.localBytes);
}

/**
 * Adds up what sources would take. Of what the cache keeps, a piece that several want is counted once;
 * `cacheSize` is the most that it holds.
 */
export function sumPlan(
  sources: readonly PlannedSource[],
  diskAvailable: number,
  cacheSize: number,
): ImportPlan {
  const seen = new Set<string>();
  let bytesToFetch = 0;
  let bytesShared = 0;
  let bytesCached = 0;
  let bytesKept = 0;
  for (const { id, size, here, kept } of sources.flatMap(({ pieces }) => pieces)) {
    if (here) bytesCached += size;
    else if (kept && seen.has(id)) bytesShared += size;
    else {
      bytesToFetch += size;
      if (kept) bytesKept += size;
    }
    if (kept) seen.add(id);
  }
  const trees = sources.reduce((sum, source) => sum + unpackedBytes(source), 0);
  const diskNeeded = Math.ceil(trees + Math.min(bytesKept, cacheSize));
  return {
    sources,
    bytesToFetch,
    bytesShared,
    bytesCached,
    diskNeeded,
    diskAvailable,
    fits: diskNeeded <= diskAvailable,
  };
}
