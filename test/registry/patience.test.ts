import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../src/base/errors.ts';
import { type Script, startFakeRegistry } from '../helpers/fake-registry.ts';
import { openTestImages, seenContext } from '../helpers/images-room.ts';
import { testImage } from '../helpers/oci-image.ts';
import { bigLayerImage, layerOf, pullLayer, withLayerScript } from '../helpers/one-layer.ts';

test('429 with a short Retry-After is waited for; with a long one it ends with the hint (I10)', async () => {
  await using room = await openTestImages();
  const image = await testImage();
  await using registry = await startFakeRegistry({ images: [image] });
  let refusals = 1;
  const refuse =
    (status: number, after: string): Script =>
    (_request, response) => {
      refusals -= 1;
      if (refusals < 0) return false;
      response.writeHead(status, { 'retry-after': after }).end('{}');
      return true;
    };
  registry.script = refuse(429, '1');
  const begin = performance.now();
  await pullLayer(room, registry);
  assert.ok(performance.now() - begin >= 1000);
  refusals = 1;
  registry.script = refuse(503, new Date(Date.now() + 1000).toUTCString());
  await room.images.registry(`${registry.host}/app`, { noCache: true }).resolve(seenContext());
  refusals = 99;
  registry.script = refuse(429, '86400');
  const source = room.images.registry(`${registry.host}/app`, { noCache: true });
  await assert.rejects(source.resolve(seenContext()), (error) => {
    assert.ok(error instanceof SdmeError);
    assert.deepEqual([error.code, error.retryAfterMs], ['oci.rate-limited', 86_400_000]);
    assert.match(error.message, /come back in 86400 s/);
    return true;
  });
});

for (const [what, everyMs] of [
  ['falls silent', 0],
  ['sends a byte now and then', 20],
] as const) {
  test(`a registry that ${what} in a blob is given up after the silence limit (I11)`, async () => {
    await using room = await openTestImages({ http_body_timeout: 0.2 });
    const image = await bigLayerImage();
    const bytes = layerOf(image);
    await using registry = await withLayerScript(image, (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 1000));
      if (everyMs === 0) return true;
      const timer = setInterval(() => response.write(Buffer.alloc(1)), everyMs);
      response.once('close', () => clearInterval(timer));
      return true;
    });
    const begin = performance.now();
    await assert.rejects(pullLayer(room, registry), { code: 'oci.network', message: /next to nothing/ });
    assert.ok(performance.now() - begin < 6000);
  });
}

test('a registry that takes the request and never answers is given up after the time limit (I11)', async () => {
  await using room = await openTestImages({ http_timeout: 0.2 });
  await using registry = await startFakeRegistry({ script: () => true });
  await assert.rejects(pullLayer(room, registry), {
    code: 'oci.network',
    message: /did not answer within 0\.2 s/,
  });
});
