import type { ErrorRecord } from '../../base/errors.ts';
import { usualUnpackFactor } from '../disk-space.ts';

/** A piece that is fetched: a layer by digest, or a download by URL. Equal ids are fetched once. */
export interface PlannedPiece {
  readonly id: string;
  readonly size: number;
  /** It is on this machine already. */
  readonly here: boolean;
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
  readonly error?: ErrorRecord;
}

/** What a batch of imports would fetch and need. Bytes; estimates where marked. */
export interface ImportPlan {
  readonly sources: readonly PlannedSource[];
  /** What would come over the network, each piece once. */
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

/** Adds up what sources would take; a piece that several want is counted once. `keeps`: the cache keeps what is fetched. */
export function sumPlan(
  sources: readonly PlannedSource[],
  diskAvailable: number,
  keeps: boolean,
): ImportPlan {
  const seen = new Set<string>();
  let bytesToFetch = 0;
  let bytesShared = 0;
  let bytesCached = 0;
  for (const { pieces } of sources) {
    for (const { id, size, here } of pieces) {
      if (here) bytesCached += size;
      else if (seen.has(id)) bytesShared += size;
      else bytesToFetch += size;
      seen.add(id);
    }
  }
  const trees = sources.reduce((sum, source) => sum + unpackedBytes(source), 0);
  const diskNeeded = Math.ceil(trees + (keeps ? bytesToFetch : 0));
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
