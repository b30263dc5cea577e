import { type LayerInput, prepareUnpacking, type Unpacked, unpackLayers } from '../unpack/unpack.ts';
import type { ImportWork } from './work.ts';

type Layers = AsyncIterable<LayerInput> | Iterable<LayerInput>;

/**
 * Unpacks layers into the import's tree, in a slot of the class `disk`, under the limits of the configuration.
 * `whiteouts`: `apply` for image layers, `plain` for tarballs, where such names are files like others.
 * Layers that are a promise are waited for without the slot.
 */
export async function unpackInto(
  { ctx, store, tree }: ImportWork,
  layers: Layers | Promise<Layers>,
  whiteouts: 'apply' | 'plain',
): Promise<Unpacked> {
  const { max_unpacked_size: bytes, max_unpacked_entries: entries } = store.settings;
  const options = { target: tree, limits: { bytes, entries }, policy: { whiteouts } };
  // Started while the first layer is still coming; the slot is taken only when there is something to write.
  await using unpacker = prepareUnpacking(options);
  const ready = await layers;
  const unpacked = await ctx.withSlot('disk', () => {
    ctx.progress.step('unpack');
    return unpackLayers(ctx, { ...options, layers: ready, unpacker });
  });
  for (const note of unpacked.notes) ctx.log.warn(note);
  return unpacked;
}
