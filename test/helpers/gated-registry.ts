import { type FakeRegistry, startFakeRegistry, wantsLayer } from './fake-registry.ts';
import type { TestImage } from './oci-image.ts';

/** A registry whose layer comes half, and the rest when the gate opens. */
export interface GatedRegistry extends FakeRegistry {
  open(): void;
  /** Times the layer was asked for. */
  layerRequests(): number;
}

/** Starts one that serves the image. */
export async function gatedRegistry(image: TestImage): Promise<GatedRegistry> {
  const gate = Promise.withResolvers<void>();
  const registry = await startFakeRegistry({
    images: [image],
    script: async (request, response) => {
      if (!wantsLayer(request, image)) return false;
      const bytes =
        image.layers.find(({ digest }) => request.path.endsWith(digest))?.bytes ?? Buffer.alloc(0);
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length / 2));
      await gate.promise;
      response.end(bytes.subarray(bytes.length / 2));
      return true;
    },
  });
  const layerRequests = (): number =>
    registry.requests.filter((request) => wantsLayer(request, image)).length;
  return Object.assign(registry, { open: () => gate.resolve(), layerRequests });
}
