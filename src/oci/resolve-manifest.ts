import type { Digest } from '../base/digests.ts';
import { SdmeError } from '../base/errors.ts';
import { shortDigest } from './digest-check.ts';
import { type IndexDocument, type IndexEntry, type ManifestDocument, parseDocument } from './manifests.ts';
import { mediaKind } from './media-types.ts';
import { formatPlatform, type Platform, platformRank } from './platforms.ts';
import { printable } from './printable.ts';

/** Indexes inside indexes that are followed; real ones have one or two. */
const maxDepth = 4;
/** Documents read to find one manifest. */
const maxDocuments = 16;

/** A document as it came: bytes whose digest has been checked against what was asked for. */
export interface FetchedDocument {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** What the answer or the descriptor said it is. */
  readonly mediaType: string | undefined;
}

/** Gives the document an index entry describes, its digest and size checked. */
export type FetchEntry = (entry: IndexEntry) => Promise<FetchedDocument>;

/** The manifest chosen for a platform. */
export interface ResolvedManifest {
  readonly digest: Digest;
  readonly manifest: ManifestDocument;
}

/** Entries worth trying, best first: those for the platform, then those that name none. */
export function candidates(index: IndexDocument, platform: Platform): IndexEntry[] {
  const ranked: { entry: IndexEntry; rank: number }[] = [];
  for (const entry of index.entries) {
    const kind = mediaKind(entry.mediaType);
    if (entry.artifact || (kind !== 'index' && kind !== 'manifest')) continue;
    const rank =
      entry.platform === undefined ? platform.variants.length : platformRank(entry.platform, platform);
    if (rank !== undefined) ranked.push({ entry, rank });
  }
  return ranked.sort((a, b) => a.rank - b.rank).map(({ entry }) => entry);
}

function missing(what: string, platform: Platform, offered: ReadonlySet<string>): SdmeError {
  const list = [...offered].slice(0, 20).join(', ');
  return new SdmeError(
    'oci.platform-missing',
    `${what} has no variant for ${platform.os}/${platform.architecture}${list === '' ? '' : `; it offers ${list}`}`,
  );
}

/**
 * Follows indexes to the manifest for a platform: unknown types, artifacts and attestations are passed over
 * (OCI image spec image-index.md), nesting and the number of documents are limited, a digest is looked at once.
 * @throws SdmeError `oci.platform-missing` with what is offered, `oci.manifest-invalid`, `oci.limit`
 */
export async function resolveManifest(
  root: FetchedDocument,
  what: string,
  platform: Platform,
  fetchEntry: FetchEntry,
): Promise<ResolvedManifest> {
  const seen = new Set<Digest>();
  const offered = new Set<string>();
  const visit = async (
    fetched: FetchedDocument,
    depth: number,
    name: string,
  ): Promise<ResolvedManifest | undefined> => {
    seen.add(fetched.digest);
    if (seen.size > maxDocuments)
      throw new SdmeError('oci.limit', `${what} needs more than ${maxDocuments} indexes`);
    const document = parseDocument(fetched.bytes, name, [fetched.mediaType]);
    if (document.kind === 'manifest') return { digest: fetched.digest, manifest: document };
    if (depth >= maxDepth) throw new SdmeError('oci.limit', `${what} nests indexes deeper than ${maxDepth}`);
    for (const { platform: offer } of document.entries) {
      if (offer !== undefined && offer.os !== 'unknown') offered.add(printable(formatPlatform(offer), 60));
    }
    for (const entry of candidates(document, platform)) {
      if (seen.has(entry.digest)) continue;
      const found = await visit(await fetchEntry(entry), depth + 1, `manifest ${shortDigest(entry.digest)}`);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const found = await visit(root, 0, `the manifest of ${what}`);
  if (found === undefined) throw missing(what, platform, offered);
  return found;
}
