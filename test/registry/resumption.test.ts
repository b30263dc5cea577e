import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { SdmeError } from '../../src/base/errors.ts';
import { wantsLayer } from '../helpers/fake-registry.ts';
import { openTestImages, seenContext } from '../helpers/images-room.ts';
import { bigLayerImage, layerOf, pullLayer, withLayerScript } from '../helpers/one-layer.ts';
import { waitFor } from '../helpers/wait-for.ts';

for (const after of [
  'goes on with 206',
  'ignores Range',
  'sends another part',
  'refuses Range with 416',
] as const) {
  test(`a connection reset in the middle of a blob: the registry ${after}; the whole is right (I8)`, async () => {
    await using room = await openTestImages();
    const image = await bigLayerImage();
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
    assert.equal(await pullLayer(room, registry, ctx), image.layers[0]?.digest);
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
  const image = await bigLayerImage();
  const bytes = layerOf(image);
  await using registry = await withLayerScript(image, (_request, response, socket) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 100_000), () => setTimeout(() => socket.resetAndDestroy(), 30));
    return true;
  });
  await assert.rejects(pullLayer(room, registry), { code: 'oci.network', retryable: true });
  assert.equal(registry.requests.filter((request) => wantsLayer(request, image)).length, 4);
  const names = await readdir(`${room.cacheDir}/sha256`);
  assert.equal(names.filter((name) => /^\.[0-9a-f]{64}\.part$/.test(name)).length, 1);
  registry.script = () => false;
  registry.requests.length = 0;
  assert.equal(await pullLayer(room, registry), image.layers[0]?.digest);
  assert.match(
    registry.requests.find((request) => wantsLayer(request, image))?.headers.range ?? '',
    /^bytes=[1-9]/,
  );
});

test('a kept beginning that is not the blob is found out and fetched once more from the start (I8)', async () => {
  await using room = await openTestImages();
  const image = await bigLayerImage();
  const bytes = layerOf(image);
  let lie = true;
  await using registry = await withLayerScript(image, (_request, response, socket) => {
    if (!lie) return false;
    lie = false;
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(Buffer.alloc(300_000), () => setTimeout(() => socket.resetAndDestroy(), 30));
    return true;
  });
  assert.equal(await pullLayer(room, registry), image.layers[0]?.digest);
});

test('an import that is cancelled ends at once with the reason, and keeps what came', async () => {
  await using room = await openTestImages();
  const image = await bigLayerImage();
  const bytes = layerOf(image);
  await using registry = await withLayerScript(image, (_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 200_000));
    return true;
  });
  const controller = new AbortController();
  const ctx = seenContext('a', controller.signal);
  const reason = new SdmeError('job.cancelled', 'cancelled by a test');
  const ended = assert.rejects(pullLayer(room, registry, ctx), (error) => error === reason);
  await waitFor('some bytes', () => (ctx.items[0]?.done ?? 0) > 0);
  controller.abort(reason);
  await ended;
  const names = await readdir(`${room.cacheDir}/sha256`);
  assert.ok(names.some((name) => name.endsWith('.part')));
  assert.ok(!names.some((name) => name.includes('.part-')));
});
