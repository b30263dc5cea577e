import type { Store } from '../store.ts';
import type { Unpacker } from '../unpack/child-process.ts';
import {
  type LayerInput,
  prepareUnpacking,
  type Unpacked,
  type UnpackRules,
  unpackLayers,
} from '../unpack/unpack.ts';
import type { ImportWork } from './work.ts';

type Layers = AsyncIterable<LayerInput> | Iterable<LayerInput>;

/** `apply` for image layers, `plain` for tarballs, where names of whiteouts are names like others. */
type Whiteouts = 'apply' | 'plain';

function rulesOf({ settings }: Store, whiteouts: Whiteouts): UnpackRules {
  const { max_unpacked_size: bytes, max_unpacked_entries: entries } = settings;
  return { limits: { bytes, entries }, policy: { whiteouts } };
}

/** Starts the unpacker while it is still to be found out what there is to unpack. Disposing ends it. */
export function startUnpackerFor({ store }: ImportWork, whiteouts: Whiteouts): Unpacker {
  return prepareUnpacking(rulesOf(store, whiteouts));
}

/**
 * Unpacks layers into the import's tree, in a slot of the class `disk`, under the limits of the configuration.
 * Layers that are a promise are waited for without the slot. `started`: an unpacker for the same whiteouts.
 */
export async function unpackInto(
  work: ImportWork,
  layers: Layers | Promise<Layers>,
  whiteouts: Whiteouts,
  started?: Unpacker,
): Promise<Unpacked> {
  const { ctx, store, tree } = work;
  // Started while the first layer is still coming; the slot is taken only when there is something to write.
  await using unpacker = started ?? startUnpackerFor(work, whiteouts);
  const ready = await layers;
  const unpacked = await ctx.withSlot('disk', () => {
    ctx.progress.step('unpack');
    return unpackLayers(ctx, { ...rulesOf(store, whiteouts), target: tree, layers: ready, unpacker });
  });
  for (const note of unpacked.notes) ctx.log.warn(note);
  return unpacked;
}
