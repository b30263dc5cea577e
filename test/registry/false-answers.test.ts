import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { describeError } from '../../src/base/errors.ts';
import { startFakeRegistry, wantsLayer } from '../helpers/fake-registry.ts';
import { openTestImages, seenContext } from '../helpers/images-room.ts';
import { blobOf, mediaTypes, testImage } from '../helpers/oci-image.ts';
import { bigLayerImage, layerOf, pullLayer, withLayerScript } from '../helpers/one-layer.ts';

test('a blob whose bytes are not its digest is refused and nothing of it is kept (F14)', async () => {
  await using room = await openTestImages();
  const image = await bigLayerImage();
  await using registry = await withLayerScript(image, (_request, response) => {
    response.writeHead(200).end(Buffer.alloc(layerOf(image).length));
    return true;
  });
  await assert.rejects(pullLayer(room, registry), { code: 'oci.digest-mismatch' });
  const config = image.config.digest.slice('sha256:'.length);
  assert.deepEqual(await readdir(`${room.cacheDir}/sha256`), [config]);
});

for (const [what, script] of [
  [
    'a Content-Length that is too short',
    (bytes) => ({ headers: { 'content-length': bytes.length - 1 }, body: bytes.subarray(1) }),
  ],
  [
    'a Content-Length that is too long',
    (bytes) => ({
      headers: { 'content-length': bytes.length + 1 },
      body: Buffer.concat([bytes, bytes.subarray(0, 1)]),
    }),
  ],
  ['a short body without a length', (bytes) => ({ headers: {}, body: bytes.subarray(0, -1) })],
  ['a long body without a length', (bytes) => ({ headers: {}, body: Buffer.concat([bytes, bytes]) })],
] as const satisfies readonly (readonly [
  string,
  (bytes: Buffer) => { headers: Record<string, number>; body: Buffer },
])[]) {
  test(`${what} is refused (I9)`, async () => {
    await using room = await openTestImages();
    const image = await bigLayerImage();
    await using registry = await withLayerScript(image, (_request, response) => {
      const { headers, body } = script(layerOf(image));
      response.writeHead(200, headers).end(body);
      return true;
    });
    await assert.rejects(pullLayer(room, registry), { code: 'oci.digest-mismatch' });
  });
}

test('an endless body is cut off at the size of the descriptor (I9)', async () => {
  await using room = await openTestImages();
  const image = await bigLayerImage();
  let sent = 0;
  await using registry = await withLayerScript(image, (_request, response) => {
    const chunk = Buffer.alloc(64 * 1024);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk)) sent += chunk.length;
    };
    response.writeHead(200).on('drain', more);
    more();
    return true;
  });
  await assert.rejects(pullLayer(room, registry), { code: 'oci.digest-mismatch' });
  assert.ok(sent < 50_000_000);
});

test('identity is asked for; bytes that are encoded all the same are hashed as sent and refused (I12)', async () => {
  await using room = await openTestImages();
  const image = await bigLayerImage();
  await using registry = await startFakeRegistry({ images: [image] });
  assert.equal(await pullLayer(room, registry), image.layers[0]?.digest);
  assert.ok(registry.requests.every(({ headers }) => headers['accept-encoding'] === 'identity'));
  registry.script = (request, response) => {
    if (!wantsLayer(request, image)) return false;
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(layerOf(image)));
    return true;
  };
  await using other = await openTestImages();
  await assert.rejects(pullLayer(other, registry), { code: 'oci.digest-mismatch' });
});

test('a web page with status 200 is no manifest; type parameters are no matter; a false digest header is not believed (I13)', async () => {
  await using room = await openTestImages();
  const image = await testImage();
  await using registry = await startFakeRegistry({ images: [image] });
  const manifest = (headers: Record<string, string>, body: Buffer): void => {
    registry.script = (request, response) => {
      if (!request.path.includes('/manifests/')) return false;
      response.writeHead(200, headers).end(body);
      return true;
    };
  };
  const resolve = (reference = 'app') =>
    room.images.registry(`${registry.host}/${reference}`, { noCache: true }).resolve(seenContext());
  manifest({ 'content-type': 'text/html' }, Buffer.from('<html>login</html>'));
  await assert.rejects(resolve(), { code: 'oci.manifest-invalid' });
  manifest({ 'content-type': 'text/html' }, image.manifest.bytes);
  await assert.rejects(resolve(), { code: 'oci.manifest-invalid', message: /different types/ });
  const lie = { 'docker-content-digest': `sha256:${'0'.repeat(64)}` };
  manifest({ 'content-type': `${mediaTypes.manifest}; charset=utf-8`, ...lie }, image.manifest.bytes);
  assert.equal((await resolve()).manifestDigest, image.manifest.digest);
  const other = (await testImage()).manifest;
  manifest(
    { 'content-type': mediaTypes.manifest, 'docker-content-digest': image.manifest.digest },
    other.bytes,
  );
  await assert.rejects(resolve(`app@${image.manifest.digest}`), { code: 'oci.digest-mismatch' });
});

test('a manifest that is too large is read no further than 4 MiB (G9)', async () => {
  await using room = await openTestImages();
  let sent = 0;
  await using registry = await startFakeRegistry({
    script: (_request, response) => {
      const chunk = Buffer.alloc(64 * 1024, 32);
      const more = (): void => {
        while (!response.destroyed && sent < 64 * 1024 * 1024 && response.write(chunk)) sent += chunk.length;
      };
      response.writeHead(200, { 'content-type': mediaTypes.manifest }).on('drain', more);
      more();
      return true;
    },
  });
  await assert.rejects(pullLayer(room, registry), { code: 'oci.limit' });
  assert.ok(sent < 32 * 1024 * 1024);
});

test('an error body without end is cut, and terminal escapes in it are shown as text (I14)', async () => {
  await using room = await openTestImages();
  await using registry = await startFakeRegistry({
    script: (_request, response) => {
      const chunk = Buffer.alloc(64 * 1024, 32);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.writeHead(403).on('drain', more);
      more();
      return true;
    },
  });
  await assert.rejects(pullLayer(room, registry), { code: 'oci.denied' });
  registry.script = (_request, response) => {
    response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"\\u001b]0;x\\u0007no"}]}');
    return true;
  };
  await assert.rejects(pullLayer(room, registry), (error) => {
    assert.match(describeError(error), /DENIED: \\u\{1b\}\]0;x\\u\{7\}no/);
    return true;
  });
});

test('a configuration that is not its digest or size is refused (F17)', async () => {
  await using room = await openTestImages();
  const image = await testImage();
  const other = (await testImage()).config;
  await using registry = await startFakeRegistry({
    images: [image],
    script: (request, response) => {
      if (!request.path.endsWith(image.config.digest)) return false;
      response.writeHead(200).end(other.bytes);
      return true;
    },
  });
  await assert.rejects(pullLayer(room, registry), { code: 'oci.digest-mismatch' });
});

test('a foreign layer is asked of the registry and its urls of nobody (F19)', async () => {
  await using room = await openTestImages();
  await using elsewhere = await startFakeRegistry();
  const image = await testImage();
  const layer = image.layers[0];
  assert.ok(layer);
  const mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
  const value: { layers: Record<string, unknown>[] } = JSON.parse(image.manifest.bytes.toString());
  value.layers = [{ ...value.layers[0], mediaType, urls: [`http://${elsewhere.host}/blob`] }];
  const manifest = blobOf(mediaTypes.manifest, Buffer.from(JSON.stringify(value)));
  await using registry = await startFakeRegistry({ images: [{ ...image, manifest, layers: [] }] });
  await assert.rejects(pullLayer(room, registry), { code: 'oci.not-found' });
  assert.equal(elsewhere.requests.length, 0);
});
