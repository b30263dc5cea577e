import type { Store } from '../store.ts';
import { type LayerInput, type Unpacked, type UnpackRules, unpackLayers } from '../unpack/unpack.ts';
import { startUnpackerAhead, type UnpackerAhead } from './unpacker-ahead.ts';
import type { ImportWork } from './work.ts';

type Layers = AsyncIterable<LayerInput> | Iterable<LayerInput>;

/** `apply` for image layers, `plain` for tarballs, where names of whiteouts are names like others. */
type Whiteouts = 'apply' | 'plain';

function rulesOf({ settings }: Store, whiteouts: Whiteouts): UnpackRules {
  const { max_unpacked_size: bytes, max_unpacked_entries: entries } = settings;
  return { limits: { bytes, entries }, policy: { whiteouts } };
}

/** Starts the unpacker of an image while it is still to be found out what there is to unpack. Disposing ends it. */
export function startUnpackerFor({ ctx, store }: ImportWork): UnpackerAhead {
  return startUnpackerAhead(ctx, rulesOf(store, 'apply'));
}

/**
 * Unpacks layers into the import's tree, in a slot of the class `disk`, under the limits of the configuration.
 * Layers that are a promise are waited for without the slot. `ahead`: an unpacker for the same whiteouts; one that has
 * to wait for the slot is let go.
 */
export async function unpackInto(
  work: ImportWork,
  layers: Layers | Promise<Layers>,
  whiteouts: Whiteouts,
  ahead?: UnpackerAhead,
): Promise<Unpacked> {
  const { ctx, store, tree } = work;
  // The slot is taken only when there is something to write.
  const ready = await layers;
  const unpack = (): Promise<Unpacked> => {
    ctx.progress.step('unpack');
    const started = ahead?.unpacker === undefined ? {} : { unpacker: ahead.unpacker };
    return unpackLayers(ctx, { ...rulesOf(store, whiteouts), target: tree, layers: ready, ...started });
  };
  const unpacked = await ctx.withSlot('disk', unpack, ahead?.letGo);
  for (const note of unpacked.notes) ctx.log.warn(note);
  return unpacked;
}
