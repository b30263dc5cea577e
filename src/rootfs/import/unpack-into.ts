import { type LayerInput, type Unpacked, unpackLayers } from '../unpack/unpack.ts';
import type { ImportWork } from './work.ts';

/**
 * Unpacks layers into the import's tree, in a slot of the class `disk`, under the limits of the configuration.
 * `whiteouts`: `apply` for image layers, `plain` for tarballs, where such names are files like others.
 */
export async function unpackInto(
  { ctx, store, tree }: ImportWork,
  layers: AsyncIterable<LayerInput> | Iterable<LayerInput>,
  whiteouts: 'apply' | 'plain',
): Promise<Unpacked> {
  const { max_unpacked_size: bytes, max_unpacked_entries: entries } = store.settings;
  const unpacked = await ctx.withSlot('disk', () => {
    ctx.progress.step('unpack');
    return unpackLayers(ctx, { target: tree, layers, limits: { bytes, entries }, policy: { whiteouts } });
  });
  for (const note of unpacked.notes) ctx.log.warn(note);
  return unpacked;
}
