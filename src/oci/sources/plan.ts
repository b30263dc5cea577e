import type { Context } from '../../base/context.ts';
import type { Digest } from '../../base/digests.ts';
import type { ImageConfig } from '../image-config.ts';
import type { ImageSource } from './image-source.ts';

/** What an import would fetch. Bytes are compressed ones. */
export interface ImagePlan {
  readonly reference: string;
  readonly manifestDigest: Digest;
  readonly config: ImageConfig;
  /** Each digest once, so that plans of several images can be added up without counting a shared layer twice. */
  readonly layers: readonly { readonly digest: Digest; readonly size: number; readonly here: boolean }[];
  readonly totalBytes: number;
  readonly bytesToFetch: number;
}

/** Says what a source would fetch. Open the source with `readOnly`, and nothing is changed. @throws what `resolve` throws */
export async function planImage(ctx: Context, source: ImageSource): Promise<ImagePlan> {
  const image = await source.resolve(ctx);
  const layers = new Map<Digest, { digest: Digest; size: number; here: boolean }>();
  for (const layer of image.layers) {
    const { digest, size } = layer;
    if (!layers.has(digest)) layers.set(digest, { digest, size, here: await source.has(layer) });
  }
  const all = [...layers.values()];
  const sum = (list: typeof all): number => list.reduce((total, { size }) => total + size, 0);
  return {
    reference: image.reference,
    manifestDigest: image.manifestDigest,
    config: image.config,
    layers: all,
    totalBytes: sum(all),
    bytesToFetch: sum(all.filter(({ here }) => !here)),
  };
}
