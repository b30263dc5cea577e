import type { Context } from '../../base/context.ts';
import { SdmeError, toSdmeError } from '../../base/errors.ts';
import { shortDigest } from '../digest-check.ts';
import type { RetryRules } from '../http/retry.ts';
import type { Platform } from '../platforms.ts';
import { formatReference, type Reference } from '../references.ts';
import { type FetchedDocument, type ResolvedManifest, resolveManifest } from '../resolve-manifest.ts';
import type { RegistryClient } from './client.ts';
import { fetchDocument } from './fetch-document.ts';
import {
  type CachedManifests,
  isFresh,
  manifestCacheFile,
  readManifestCache,
  writeManifestCache,
} from './manifest-cache.ts';

export interface ReferenceRequest {
  readonly reference: Reference;
  readonly platform: Platform;
  /** Asks the registry whatever the cache says. */
  readonly noCache: boolean;
  /** Writes what was fetched into the cache. */
  readonly keep: boolean;
  /** Where to ask, in order. */
  readonly clients: readonly RegistryClient[];
}

interface CacheRoom {
  readonly cacheDir: string;
  readonly manifestTtlMs: number;
  readonly silenceMs: number;
  readonly retry: RetryRules;
}

/**
 * The manifest a reference means on a platform: from the manifest cache while that is fresh, else from the first
 * endpoint that has it. @throws SdmeError `oci.*`; the signal's reason
 */
export async function resolveThroughCache(
  ctx: Context,
  room: CacheRoom,
  request: ReferenceRequest,
): Promise<ResolvedManifest> {
  const { reference, platform } = request;
  const name = formatReference(reference);
  const file = manifestCacheFile(
    room.cacheDir,
    name,
    `${platform.os}/${platform.architecture}/${platform.variants[0]}`,
  );
  const cached = request.noCache ? undefined : await readManifestCache(file);
  const byDigest = reference.digest !== undefined;
  if (cached !== undefined && isFresh(cached, byDigest, room.manifestTtlMs, Date.now())) {
    const found = await resolveCached(cached, request, name);
    if (found !== undefined) return found;
  }
  const documents: FetchedDocument[] = [];
  const found = await resolveOnline(ctx, room, request, name, documents);
  if (request.keep) await writeManifestCache(file, { fetchedAt: Date.now(), documents });
  return found;
}

/** Resolves from cached documents alone; undefined when they do not lead to a manifest. */
async function resolveCached(
  cached: CachedManifests,
  { reference, platform }: ReferenceRequest,
  name: string,
): Promise<ResolvedManifest | undefined> {
  const root = cached.documents[0];
  if (root === undefined || (reference.digest !== undefined && root.digest !== reference.digest))
    return undefined;
  try {
    return await resolveManifest(root, name, platform, async (entry) => {
      const found = cached.documents.find(({ digest }) => digest === entry.digest);
      if (found === undefined) throw new SdmeError('oci.not-found', 'not in the cache');
      return found;
    });
  } catch {
    // An entry that does not serve is fetched anew; a real problem shows again then.
    return undefined;
  }
}

async function resolveOnline(
  ctx: Context,
  room: CacheRoom,
  request: ReferenceRequest,
  name: string,
  documents: FetchedDocument[],
): Promise<ResolvedManifest> {
  const { reference, platform } = request;
  const limits = { signal: ctx.signal, silenceMs: room.silenceMs, retry: room.retry };
  let last: unknown = new SdmeError('internal', 'an image without endpoints');
  for (const client of request.clients) {
    documents.length = 0;
    try {
      const wanted =
        reference.digest === undefined ? { tag: reference.tag ?? 'latest' } : { digest: reference.digest };
      const root = await fetchDocument(client, wanted, name, limits);
      documents.push(root);
      return await resolveManifest(root, name, platform, async (entry) => {
        const document = await fetchDocument(client, entry, `manifest ${shortDigest(entry.digest)}`, limits);
        documents.push(document);
        return document;
      });
    } catch (error) {
      ctx.signal.throwIfAborted();
      last = error;
      if (client.endpoint.mirror) {
        ctx.log.warn(`mirror ${client.endpoint.registry} does not serve ${name}`, {
          error: toSdmeError(error).message,
        });
      }
    }
  }
  throw last;
}
