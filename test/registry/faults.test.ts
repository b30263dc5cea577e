import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { describeError, SdmeError } from '../../src/base/errors.ts';
import { type FakeRegistry, type Script, startFakeRegistry, wantsLayer } from '../helpers/fake-registry.ts';
import { openTestImages, type SeenContext, seenContext, type TestImages } from '../helpers/images-room.ts';
import { blobOf, mediaTypes, sha256, type TestImage, testImage } from '../helpers/oci-image.ts';
import { waitFor } from '../helpers/wait-for.ts';

const big = { layers: [{ data: randomBytes(600_000) }], plain: true } as const;

/** Resolves and fetches the first layer; gives its digest as its bytes say. */
async function pull(
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
async function withLayerScript(image: TestImage, script: Script): Promise<FakeRegistry> {
  return startFakeRegistry({
    images: [image],
    script: (request, ...rest) => (wantsLayer(request, image) ? script(request, ...rest) : false),
  });
}

function layerOf(image: TestImage): Buffer {
  const bytes = image.layers[0]?.bytes;
  assert.ok(bytes);
  return bytes;
}

for (const after of [
  'goes on with 206',
  'ignores Range',
  'sends another part',
  'refuses Range with 416',
] as const) {
  test(`a connection reset in the middle of a blob: the registry ${after}; the whole is right (I8)`, async () => {
    await using room = await openTestImages();
    const image = await testImage(big);
    const bytes = layerOf(image);
    let asked = 0;
    await using registry = await withLayerScript(image, (request, response, socket) => {
      asked += 1;
      if (asked <= 2 && (asked === 1 || after === 'goes on with 206')) {
        const from = Number(/bytes=([0-9]+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
        response.writeHead(from === 0 ? 200 : 206, {
          'content-length': bytes.length - from,
          ...(from === 0 ? {} : range),
        });
        response.write(bytes.subarray(from, from + 200_000), () =>
          setTimeout(() => socket.resetAndDestroy(), 30),
        );
        return true;
      }
      if (request.headers.range === undefined || after === 'goes on with 206') return false;
      if (after === 'ignores Range') response.writeHead(200).end(bytes);
      else if (after === 'refuses Range with 416') response.writeHead(416).end();
      else {
        response.writeHead(206, { 'content-range': `bytes 5-9/${bytes.length}` });
        response.end(bytes.subarray(5, 10));
      }
      return true;
    });
    const ctx = seenContext();
    assert.equal(await pull(room, registry, ctx), image.layers[0]?.digest);
    const ranges = registry.requests
      .map(({ headers }) => headers.range)
      .filter((range) => range !== undefined);
    assert.ok(ranges.length >= 1, 'no attempt asked for the rest');
    const wanted = {
      'goes on with 206': 3,
      'ignores Range': 2,
      'sends another part': 3,
      'refuses Range with 416': 3,
    };
    assert.equal(asked, wanted[after], 'requests for the layer');
    assert.equal(ctx.items[0]?.end, 'done');
    assert.ok(ctx.warnings.some((line) => line.includes('broke off')));
  });
}

test('a registry that always breaks off is given up after bounded tries, and what came is kept for the next (I8)', async () => {
  await using room = await openTestImages();
  const image = await testImage(big);
  const bytes = layerOf(image);
  await using registry = await withLayerScript(image, (_request, response, socket) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 100_000), () => setTimeout(() => socket.resetAndDestroy(), 30));
    return true;
  });
  await assert.rejects(pull(room, registry), { code: 'oci.network', retryable: true });
  assert.equal(registry.requests.filter((request) => wantsLayer(request, image)).length, 4);
  const names = await readdir(`${room.cacheDir}/sha256`);
  assert.equal(names.filter((name) => /^\.[0-9a-f]{64}\.part$/.test(name)).length, 1);
  registry.script = () => false;
  registry.requests.length = 0;
  assert.equal(await pull(room, registry), image.layers[0]?.digest);
  assert.match(
    registry.requests.find((request) => wantsLayer(request, image))?.headers.range ?? '',
    /^bytes=[1-9]/,
  );
});

test('a kept beginning that is not the blob is found out and fetched once more from the start (I8)', async () => {
  await using room = await openTestImages();
  const image = await testImage(big);
  const bytes = layerOf(image);
  let lie = true;
  await using registry = await withLayerScript(image, (_request, response, socket) => {
    if (!lie) return false;
    lie = false;
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(Buffer.alloc(300_000), () => setTimeout(() => socket.resetAndDestroy(), 30));
    return true;
  });
  assert.equal(await pull(room, registry), image.layers[0]?.digest);
});

test('a blob whose bytes are not its digest is refused and nothing of it is kept (F14)', async () => {
  await using room = await openTestImages();
  const image = await testImage(big);
  await using registry = await withLayerScript(image, (_request, response) => {
    response.writeHead(200).end(Buffer.alloc(layerOf(image).length));
    return true;
  });
  await assert.rejects(pull(room, registry), { code: 'oci.digest-mismatch' });
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
    const image = await testImage(big);
    await using registry = await withLayerScript(image, (_request, response) => {
      const { headers, body } = script(layerOf(image));
      response.writeHead(200, headers).end(body);
      return true;
    });
    await assert.rejects(pull(room, registry), { code: 'oci.digest-mismatch' });
  });
}

test('an endless body is cut off at the size of the descriptor (I9)', async () => {
  await using room = await openTestImages();
  const image = await testImage(big);
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
  await assert.rejects(pull(room, registry), { code: 'oci.digest-mismatch' });
  assert.ok(sent < 50_000_000);
});

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
  await pull(room, registry);
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
    const image = await testImage(big);
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
    await assert.rejects(pull(room, registry), { code: 'oci.network', message: /next to nothing/ });
    assert.ok(performance.now() - begin < 6000);
  });
}

test('a registry that takes the request and never answers is given up after the time limit (I11)', async () => {
  await using room = await openTestImages({ http_timeout: 0.2 });
  await using registry = await startFakeRegistry({ script: () => true });
  await assert.rejects(pull(room, registry), {
    code: 'oci.network',
    message: /did not answer within 0\.2 s/,
  });
});

test('identity is asked for; bytes that are encoded all the same are hashed as sent and refused (I12)', async () => {
  await using room = await openTestImages();
  const image = await testImage(big);
  await using registry = await startFakeRegistry({ images: [image] });
  assert.equal(await pull(room, registry), image.layers[0]?.digest);
  assert.ok(registry.requests.every(({ headers }) => headers['accept-encoding'] === 'identity'));
  registry.script = (request, response) => {
    if (!wantsLayer(request, image)) return false;
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(layerOf(image)));
    return true;
  };
  await using other = await openTestImages();
  await assert.rejects(pull(other, registry), { code: 'oci.digest-mismatch' });
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
  await assert.rejects(pull(room, registry), { code: 'oci.limit' });
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
  await assert.rejects(pull(room, registry), { code: 'oci.denied' });
  registry.script = (_request, response) => {
    response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"\\u001b]0;x\\u0007no"}]}');
    return true;
  };
  await assert.rejects(pull(room, registry), (error) => {
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
  await assert.rejects(pull(room, registry), { code: 'oci.digest-mismatch' });
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
  await assert.rejects(pull(room, registry), { code: 'oci.not-found' });
  assert.equal(elsewhere.requests.length, 0);
});

test('an import that is cancelled ends at once with the reason, and keeps what came', async () => {
  await using room = await openTestImages();
  const image = await testImage(big);
  const bytes = layerOf(image);
  await using registry = await withLayerScript(image, (_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 200_000));
    return true;
  });
  const controller = new AbortController();
  const ctx = seenContext('a', controller.signal);
  const reason = new SdmeError('job.cancelled', 'cancelled by a test');
  const ended = assert.rejects(pull(room, registry, ctx), (error) => error === reason);
  await waitFor('some bytes', () => (ctx.items[0]?.done ?? 0) > 0);
  controller.abort(reason);
  await ended;
  const names = await readdir(`${room.cacheDir}/sha256`);
  assert.ok(names.some((name) => name.endsWith('.part')));
  assert.ok(!names.some((name) => name.includes('.part-')));
});
