import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type FakeRegistry, type Script, startFakeRegistry, wantsLayer } from './fake-registry.ts';
import { type SeenContext, seenContext, type TestImages } from './images-room.ts';
import { sha256, type TestImage, testImage } from './oci-image.ts';

/** An image of one layer, large enough to come in several pieces. */
export function bigLayerImage(): Promise<TestImage> {
  return testImage({ layers: [{ data: randomBytes(600_000) }], plain: true });
}

/** Resolves and fetches the first layer; gives its digest as its bytes say. */
export async function pullLayer(
  room: TestImages,
  registry: FakeRegistry,
  ctx: SeenContext = seenContext(),
): Promise<string> {
  await using source = room.images.registry(`${registry.host}/app`);
  const image = await source.resolve(ctx);
  const layer = image.layers[0];
  assert.ok(layer);
  await using blob = await source.blob(ctx, layer);
  const buffer = Buffer.alloc(blob.size);
  await blob.handle.read(buffer, 0, blob.size, blob.offset);
  return sha256(buffer);
}

/** A registry of one image whose layer answers as the script says. */
export async function withLayerScript(image: TestImage, script: Script): Promise<FakeRegistry> {
  return startFakeRegistry({
    images: [image],
    script: (request, ...rest) => (wantsLayer(request, image) ? script(request, ...rest) : false),
  });
}

/** The bytes of the first layer as the registry has them. */
export function layerOf(image: TestImage): Buffer {
  const bytes = image.layers[0]?.bytes;
  assert.ok(bytes);
  return bytes;
}
