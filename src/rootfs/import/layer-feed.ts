import { Readable } from 'node:stream';
import type { Context } from '../../base/context.ts';
import {
  type ImageSource,
  type LocalBlob,
  layersInOrder,
  type ResolvedImage,
  shortDigest,
} from '../../oci/index.ts';
import type { LayerInput } from '../unpack/unpack.ts';
import { type ByteOrigins, noBytes } from './filled.ts';

/** An image's layers on their way to the unpacker. Disposing ends downloads that still run and waits for them. */
export interface LayerFeed extends AsyncDisposable {
  /** Waits for the first layer, so that nothing scarce is held meanwhile, and gives it and all others. */
  layers(): Promise<AsyncIterable<LayerInput>>;
  /** Compressed bytes of the layers given so far, by where they came from. */
  origins(): ByteOrigins;
  /** Forgets the blob that is being unpacked, found damaged; true when asking again fetches it anew. */
  discardCurrent(): Promise<boolean>;
}

const readSize = 1024 * 1024;

/** A part of an archive as a stream; a whole file, or one that is still coming, as it is, for the unpacker to read without us. */
function bytesOf({ handle, offset, size, arriving }: LocalBlob): LayerInput['file'] {
  if (arriving !== undefined) return { handle, beyond: (have) => arriving.beyond(have) };
  if (offset === 0) return handle;
  if (size === 0) return Readable.from([]);
  const range = { start: offset, end: offset + size - 1 };
  return handle.createReadStream({ ...range, autoClose: false, highWaterMark: readSize });
}

function added(origins: ByteOrigins, { via, size }: LocalBlob): ByteOrigins {
  switch (via) {
    case 'fetched':
      return { ...origins, fetchedBytes: origins.fetchedBytes + size };
    case 'shared':
      return { ...origins, sharedBytes: origins.sharedBytes + size };
    case 'cached':
      return { ...origins, cachedBytes: origins.cachedBytes + size };
    case 'local':
      return origins;
  }
}

/** Under the job's signal and one of our own, so that a failed unpacking ends the downloads that ran ahead. */
function underSignal(ctx: Context, own: AbortSignal): Context {
  return {
    jobId: ctx.jobId,
    log: ctx.log,
    progress: ctx.progress,
    signal: AbortSignal.any([ctx.signal, own]),
    withSlot: (resource, work, onWait) => ctx.withSlot(resource, work, onWait),
    hasFreeSlot: (resource) => ctx.hasFreeSlot(resource),
  };
}

/** A sequence whose first step was taken already. */
async function* following(
  first: IteratorResult<LayerInput, void>,
  rest: AsyncGenerator<LayerInput, void, undefined>,
): AsyncGenerator<LayerInput, void, undefined> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

/**
 * Feeds an image's layers to the unpacker in order, `parallel` downloads running ahead. Each blob is let go when
 * the next layer is asked for, as the unpacker is done with it then. `onWait` is called when the downloads have to
 * wait for others.
 */
export function feedLayers(
  ctx: Context,
  source: ImageSource,
  image: ResolvedImage,
  parallel: number,
  onWait: () => void,
): LayerFeed {
  const stop = new AbortController();
  const ready = layersInOrder(underSignal(ctx, stop.signal), source, image, parallel, {
    whileItComes: true,
    onWait,
  });
  let current: LocalBlob | undefined;
  let origins = noBytes;
  const letGo = async (): Promise<void> => {
    const blob = current;
    current = undefined;
    await blob?.[Symbol.asyncDispose]();
  };
  async function* feed(): AsyncGenerator<LayerInput, void, undefined> {
    for await (const { layer, blob } of ready) {
      current = blob;
      origins = added(origins, blob);
      const { digest, size, diffId, position } = layer;
      yield {
        label: `${shortDigest(digest)} layer ${position}/${image.layers.length}`,
        file: bytesOf(blob),
        size,
        diffId,
        ...(blob.verified ? {} : { digest }),
      };
      await blob.arriving?.whole;
      await letGo();
    }
  }
  return {
    layers: async () => {
      const all = feed();
      return following(await all.next(), all);
    },
    origins: () => origins,
    discardCurrent: async () => {
      const blob = current;
      current = undefined;
      return (await blob?.discard()) ?? false;
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort(ctx.signal.reason ?? new Error('no further layer is wanted'));
      await ready.return();
      await letGo();
    },
  };
}
