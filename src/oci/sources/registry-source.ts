import type { Context } from '../../base/context.ts';
import { SdmeError, toSdmeError } from '../../base/errors.ts';
import type { OpenBlob } from '../blobs/fetch-blob.ts';
import type { Descriptor } from '../descriptors.ts';
import { checkBytes, shortDigest } from '../digest-check.ts';
import { readBody } from '../http/bodies.ts';
import { withRetry } from '../http/retry.ts';
import { type ImageConfig, parseImageConfig } from '../image-config.ts';
import { documentMaxSize } from '../manifests.ts';
import { formatReference, type Reference } from '../references.ts';
import { openRegistryClient, type RegistryClient } from '../registry/client.ts';
import { endpointsFor } from '../registry/endpoints.ts';
import { loadRegistryRules } from '../registry/registries-conf.ts';
import { resolveThroughCache } from '../registry/resolve-reference.ts';
import { assembleImage } from '../resolved-image.ts';
import type { ImageSource, LocalBlob, ResolvedImage } from './image-source.ts';
import { layerItem, noItem } from './progress-items.ts';
import type { ImageRoom, SourceOptions } from './room.ts';
import { blobFromStore, readWhole } from './store-blob.ts';

/** Opens an image on a registry, or on a mirror that registries.conf names for it. Nothing is asked before `resolve`. */
export function openRegistrySource(
  reference: Reference,
  room: ImageRoom,
  options: SourceOptions = {},
): ImageSource {
  const name = formatReference(reference);
  const platform = options.platform ?? room.platform;
  const noCache = options.noCache === true;
  let opening: Promise<RegistryClient[]> | undefined;
  let resolved: ResolvedImage | undefined;

  const openClients = async (): Promise<RegistryClient[]> => {
    const endpoints = endpointsFor(reference, await loadRegistryRules(room.registries.environment));
    return Promise.all(endpoints.map((endpoint) => openRegistryClient(endpoint, room.registries)));
  };
  const clients = (): Promise<RegistryClient[]> => {
    opening ??= openClients();
    return opening;
  };

  const blobOrigin = async (wanted: Descriptor) => {
    const all = await clients();
    const origin = all.map(({ endpoint }) => `${endpoint.host}/${endpoint.repository}`).join(' ');
    return { origin, open: blobOpener(all, wanted), noCache };
  };

  const fetchConfig = async (ctx: Context, wanted: Descriptor): Promise<ImageConfig> => {
    const what = `the configuration of ${name}`;
    if (wanted.size > documentMaxSize)
      throw new SdmeError('oci.limit', `${what} is larger than ${documentMaxSize} bytes`);
    const from = await blobOrigin(wanted);
    if (options.readOnly === true && !(await room.store.has(wanted))) {
      return parseImageConfig(await readDirectly(ctx, room, from.open, wanted, what), what);
    }
    for (let damaged = false; ; damaged = true) {
      await using blob = await blobFromStore(ctx, room, wanted, from, noItem);
      const bytes = await readWhole(blob);
      try {
        checkBytes(bytes, wanted, what);
        return parseImageConfig(bytes, what);
      } catch (error) {
        if (damaged || blob.verified || toSdmeError(error).code !== 'oci.digest-mismatch') throw error;
        await blob.discard();
      }
    }
  };

  return {
    name,
    resolve: async (ctx) => {
      const found = await resolveThroughCache(ctx, room, {
        reference,
        platform,
        noCache,
        keep: !noCache && options.readOnly !== true,
        clients: await clients(),
      });
      const config = await fetchConfig(ctx, found.manifest.config);
      const parts = { reference: name, manifestDigest: found.digest, layers: found.manifest.layers, config };
      resolved = assembleImage(parts, platform, room.maxImageSize);
      return resolved;
    },
    blob: async (ctx, layer, how = {}): Promise<LocalBlob> => {
      const item = layerItem(ctx, layer, resolved);
      return blobFromStore(ctx, room, layer, await blobOrigin(layer), item, how);
    },
    has: (layer) => (noCache ? Promise.resolve(false) : room.store.has(layer)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Asks the endpoints in order; one that lacks the blob or cannot be reached gives way to the next. */
function blobOpener(clients: readonly RegistryClient[], wanted: Descriptor): OpenBlob {
  const what = `blob ${shortDigest(wanted.digest)}`;
  return async (offset, signal) => {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    let last: unknown = new SdmeError('internal', 'an image without endpoints');
    for (const client of clients) {
      try {
        return await client.get(`blobs/${wanted.digest}`, { signal, what, headers });
      } catch (error) {
        signal.throwIfAborted();
        last = error;
      }
    }
    throw last;
  };
}

/** A small blob without the store. */
async function readDirectly(
  ctx: Context,
  room: ImageRoom,
  open: OpenBlob,
  wanted: Descriptor,
  what: string,
): Promise<Buffer> {
  return withRetry(room.retry, ctx.signal, async () => {
    const answer = await open(0, ctx.signal);
    const bytes = await readBody(answer, wanted.size, {
      silenceMs: room.silenceMs,
      signal: ctx.signal,
      what,
    });
    checkBytes(bytes, wanted, what);
    return bytes;
  });
}
