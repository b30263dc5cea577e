import { layersInOrder } from '../../src/oci/sources/layers-in-order.ts';
import type { SeenContext, TestImages } from './images-room.ts';
import { sha256 } from './oci-image.ts';
import { waitFor } from './wait-for.ts';

/** Fetches all layers; gives their digests as the bytes say, and how each was had. */
export async function pullLayers(
  room: TestImages,
  reference: string,
  ctx: SeenContext,
  noCache = false,
): Promise<string[]> {
  await using source = room.images.registry(reference, { noCache });
  const image = await source.resolve(ctx);
  const seen: string[] = [];
  for await (const { blob } of layersInOrder(ctx, source, image, 4)) {
    await using held = blob;
    const buffer = Buffer.alloc(held.size);
    await held.handle.read(buffer, 0, held.size, held.offset);
    seen.push(`${sha256(buffer)} ${held.via}`);
  }
  return seen;
}

/** Waits until some of the first layer is there. */
export const halfWay = (ctx: SeenContext): Promise<true> =>
  waitFor(`${ctx.jobId} half way`, () => (ctx.items[0]?.done ?? 0) > 0 || undefined);
