import type { Context, ProgressItem } from '../../base/context.ts';
import { shortDigest } from '../digest-check.ts';
import type { LayerDescriptor, ResolvedImage } from './image-source.ts';

/** An item that shows nothing, for small blobs. */
export const noItem: ProgressItem = Object.freeze({
  add: () => {},
  set: () => {},
  note: () => {},
  end: () => {},
});

/** The bar of a layer. A digest that occurs twice in an image has a bar for each place. */
export function layerItem(
  ctx: Context,
  layer: LayerDescriptor,
  image: ResolvedImage | undefined,
): ProgressItem {
  const first = image?.layers.find(({ digest }) => digest === layer.digest)?.position ?? layer.position;
  const id = first === layer.position ? layer.digest : `${layer.digest}#${layer.position}`;
  const count = image === undefined ? '' : `/${image.layers.length}`;
  return ctx.progress.item(id, {
    label: `${shortDigest(layer.digest)} layer ${layer.position}${count}`,
    unit: 'bytes',
    total: layer.size,
  });
}
