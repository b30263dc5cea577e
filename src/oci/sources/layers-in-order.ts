import type { Context } from '../../base/context.ts';
import type { ImageSource, LayerDescriptor, LocalBlob, ResolvedImage } from './image-source.ts';

/** A layer and its bytes. Whoever takes it disposes the blob. */
export interface ReadyLayer {
  readonly layer: LayerDescriptor;
  readonly blob: LocalBlob;
}

/**
 * Fetches an image's layers, `parallel` at once, and gives them in the image's order as soon as each is here, so that
 * the first is unpacked while later ones are still coming. With `whileItComes` a layer that is coming fast is given
 * before all of it is here. One slot of the network is held while layers come that are not here yet; `onWait` is
 * called when it has to be waited for. When the caller stops early or a layer fails, what still runs is ended and waited for, and blobs nobody took are let go.
 */
export async function* layersInOrder(
  ctx: Context,
  source: ImageSource,
  image: ResolvedImage,
  parallel: number,
  how: { readonly whileItComes?: boolean; readonly onWait?: () => void } = {},
): AsyncGenerator<ReadyLayer, void, undefined> {
  const stop = new AbortController();
  const inner: Context = {
    jobId: ctx.jobId,
    log: ctx.log,
    progress: ctx.progress,
    signal: AbortSignal.any([ctx.signal, stop.signal]),
    withSlot: (resource, work, onWait) => ctx.withSlot(resource, work, onWait),
    hasFreeSlot: (resource) => ctx.hasFreeSlot(resource),
  };
  const waiting = image.layers.map((layer) => ({ layer, blob: Promise.withResolvers<LocalBlob>() }));
  // Each is looked at in its turn; until then its failure must not count as unhandled.
  for (const { blob } of waiting) blob.promise.catch(() => {});
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < waiting.length) {
      const slot = waiting[next];
      next += 1;
      if (slot === undefined) return;
      try {
        inner.signal.throwIfAborted();
        const blob = await source.blob(inner, slot.layer, how);
        slot.blob.resolve(blob);
        await blob.arriving?.whole;
      } catch (error) {
        slot.blob.reject(error);
        stop.abort(error);
      }
    }
  };
  const fetchAll = async (): Promise<void> => {
    await Promise.all(Array.from({ length: Math.min(parallel, waiting.length) }, worker));
  };
  const allHere = (await Promise.all(image.layers.map((layer) => source.has(layer)))).every(Boolean);
  const fetching = (allHere ? fetchAll() : inner.withSlot('network', fetchAll, how.onWait)).catch(
    (error: unknown) => {
      // There was no slot to be had, so nobody looks after the layers.
      for (const { blob } of waiting) blob.reject(error);
    },
  );
  let taken = 0;
  try {
    for (const { layer, blob } of waiting) {
      const ready = await firstOf(blob.promise, stop.signal);
      taken += 1;
      yield { layer, blob: ready };
    }
  } finally {
    stop.abort(ctx.signal.reason ?? new Error('no further layer is wanted'));
    await fetching;
    const left = await Promise.allSettled(waiting.slice(taken).map(({ blob }) => blob.promise));
    for (const result of left) if (result.status === 'fulfilled') await result.value[Symbol.asyncDispose]();
  }
}

/** The blob, or the failure of whichever layer fails first. */
async function firstOf(blob: Promise<LocalBlob>, stop: AbortSignal): Promise<LocalBlob> {
  const failed = Promise.withResolvers<never>();
  const fail = (): void => failed.reject(stop.reason);
  if (stop.aborted) fail();
  stop.addEventListener('abort', fail, { once: true });
  try {
    return await Promise.race([blob, failed.promise]);
  } finally {
    stop.removeEventListener('abort', fail);
    failed.promise.catch(() => {});
  }
}
