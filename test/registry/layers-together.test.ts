import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startFakeRegistry, wantsLayer } from '../helpers/fake-registry.ts';
import { openTestImages, type SeenContext, seenContext } from '../helpers/images-room.ts';
import { testImage } from '../helpers/oci-image.ts';
import { pullLayers } from '../helpers/pull-layers.ts';

test('a layer that occurs twice is fetched once and given twice, in order (F4)', async () => {
  await using room = await openTestImages();
  const twice = { a: randomBytes(30_000) };
  const image = await testImage({ layers: [twice, { b: 'x' }, twice] });
  await using registry = await startFakeRegistry({ images: [image] });
  const ctx = seenContext();
  const seen = await pullLayers(room, `${registry.host}/app`, ctx);
  assert.deepEqual(
    seen.map((line) => line.split(' ')[0]),
    image.layers.map(({ digest }) => digest),
  );
  assert.equal(new Set(ctx.items.map(({ id }) => id)).size, 3);
  assert.equal(
    registry.requests.filter(({ path }) => path.endsWith(image.layers[0]?.digest ?? '')).length,
    1,
  );
});

test('one slot of the network is held while layers come, however many, and none when all are here', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ a: randomBytes(30_000) }, { b: 'x' }, { c: 'y' }] });
  let slots = 0;
  await using registry = await startFakeRegistry({
    images: [image],
    script: (request) => {
      if (wantsLayer(request, image)) assert.equal(slots, 1, 'a layer is asked for without a slot');
      return false;
    },
  });
  const taken: string[] = [];
  const ctx: SeenContext = {
    ...seenContext(),
    withSlot: async (resource, work) => {
      taken.push(resource);
      slots += 1;
      return work().finally(() => {
        slots -= 1;
      });
    },
  };
  const fetched = await pullLayers(room, `${registry.host}/app`, ctx);
  assert.ok(fetched.every((line) => line.endsWith(' fetched')));
  const cached = await pullLayers(room, `${registry.host}/app`, ctx);
  assert.ok(cached.every((line) => line.endsWith(' cached')));
  assert.deepEqual([taken, slots], [['network'], 0]);
});

test('a layer that fails ends the others at once, and nothing stays held', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ a: randomBytes(30_000) }, { b: randomBytes(200_000) }] });
  const bad = image.layers[0]?.digest ?? '';
  await using registry = await startFakeRegistry({
    images: [image],
    script: (request, response) => {
      if (!wantsLayer(request, image)) return false;
      if (request.path.endsWith(bad)) response.writeHead(404).end();
      else response.writeHead(200).write(Buffer.alloc(10));
      return true;
    },
  });
  await assert.rejects(pullLayers(room, `${registry.host}/app`, seenContext()), { code: 'oci.not-found' });
  const names = await readdir(join(room.cacheDir, 'sha256'));
  assert.ok(!names.some((entry) => entry.includes('.part-')));
});
