import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { readCache } from '../../src/oci/blobs/blob-store.ts';
import { blobPath } from '../../src/oci/blobs/cache-files.ts';
import type { LocalBlob } from '../../src/oci/sources/image-source.ts';
import { layersInOrder } from '../../src/oci/sources/layers-in-order.ts';
import { planImage } from '../../src/oci/sources/plan.ts';
import { registryMissing, startDockerRegistry } from '../helpers/docker-registry.ts';
import { startFakeRegistry, wantsLayer } from '../helpers/fake-registry.ts';
import { openTestImages, seenContext } from '../helpers/images-room.ts';
import { indexOf, pushImage, sha256, testImage } from '../helpers/oci-image.ts';

const skip = registryMissing() ?? false;

/** All bytes of a blob, read as the unpacker does. */
async function bytesOf(blob: LocalBlob): Promise<Buffer> {
  const buffer = Buffer.alloc(blob.size);
  const { bytesRead } = await blob.handle.read(buffer, 0, blob.size, blob.offset);
  return buffer.subarray(0, bytesRead);
}

test('an image of several layers is pulled whole, in order, and from the cache the second time', {
  skip,
}, async () => {
  await using registry = await startDockerRegistry();
  await using room = await openTestImages();
  const image = await testImage({
    layers: [1, 2, 3].map((n) => ({ [`file-${n}`]: randomBytes(300_000 * n) })),
  });
  await pushImage(registry.host, 'app/test', 'v1', [image]);
  for (const end of ['done', 'cached']) {
    const ctx = seenContext();
    await using source = room.images.registry(`${registry.host}/app/test:v1`);
    const resolved = await source.resolve(ctx);
    assert.equal(resolved.reference, `${registry.host}/app/test:v1`);
    assert.equal(resolved.manifestDigest, image.manifest.digest);
    assert.deepEqual(resolved.config.cmd, ['bash']);
    const digests: string[] = [];
    for await (const { layer, blob } of layersInOrder(ctx, source, resolved, 3)) {
      await using _blob = blob;
      assert.equal(layer.position, digests.length + 1);
      assert.equal(blob.verified, end === 'done');
      assert.equal(blob.via, end === 'done' ? 'fetched' : 'cached');
      digests.push(sha256(await bytesOf(blob)));
    }
    assert.deepEqual(
      digests,
      image.layers.map(({ digest }) => digest),
    );
    assert.deepEqual(
      ctx.items.map((item) => [item.end, item.done === item.total]),
      image.layers.map(() => [end, true]),
    );
    assert.match(ctx.items[0]?.label ?? '', /^sha256:[0-9a-f]{12} layer 1\/3$/);
  }
  const names = await readdir(`${room.cacheDir}/sha256`);
  assert.deepEqual(
    names.filter((name) => name.startsWith('.')),
    [],
  );
});

test('an index, also of docker types, leads to the image for the platform', { skip }, async () => {
  await using registry = await startDockerRegistry();
  await using room = await openTestImages();
  for (const docker of [false, true]) {
    const arm = await testImage({ architecture: 'arm64', docker });
    const amd = await testImage({ docker });
    const root = indexOf(
      [
        ['linux/arm64/v8', arm],
        ['linux/amd64', amd],
      ],
      docker,
    );
    const repository = docker ? 'docker' : 'oci';
    await pushImage(registry.host, repository, 'latest', [arm, amd], { root });
    const resolved = await room.images.registry(`${registry.host}/${repository}`).resolve(seenContext());
    assert.equal(resolved.manifestDigest, amd.manifest.digest);
    const byDigest = `${registry.host}/${repository}:gone@${root.digest}`;
    assert.equal(
      (await room.images.registry(byDigest).resolve(seenContext())).manifestDigest,
      amd.manifest.digest,
    );
  }
});

test('a tag is taken for unchanged for the time to live, unless no cache is wanted', { skip }, async () => {
  await using registry = await startDockerRegistry();
  await using room = await openTestImages({ oci_manifest_cache_ttl: 900 });
  const name = `${registry.host}/moving:tag`;
  const first = await testImage();
  const second = await testImage();
  await pushImage(registry.host, 'moving', 'tag', [first]);
  const digest = async (noCache = false): Promise<string> =>
    (await room.images.registry(name, { noCache }).resolve(seenContext())).manifestDigest;
  assert.equal(await digest(), first.manifest.digest);
  await pushImage(registry.host, 'moving', 'tag', [second]);
  assert.equal(await digest(), first.manifest.digest);
  assert.equal(await digest(true), second.manifest.digest);
});

test('a plan says what would be fetched and changes nothing on disk', { skip }, async () => {
  await using registry = await startDockerRegistry();
  await using room = await openTestImages();
  const shared = { 'shared.bin': randomBytes(50_000) };
  const image = await testImage({ layers: [shared, { own: randomBytes(70_000) }, shared] });
  await pushImage(registry.host, 'plan', 'latest', [image]);
  const name = `${registry.host}/plan:latest`;
  const before = await planImage(seenContext(), room.images.registry(name, { readOnly: true }));
  const sizes = image.layers.slice(0, 2).map(({ size }) => size);
  const total = sizes.reduce((a, b) => a + b, 0);
  assert.equal(before.layers.length, 2);
  assert.equal(before.totalBytes, total);
  assert.equal(before.bytesToFetch, total);
  await assert.rejects(readdir(room.cacheDir), { code: 'ENOENT' });
  const ctx = seenContext();
  const source = room.images.registry(name);
  const resolved = await source.resolve(ctx);
  const layer = resolved.layers[0];
  assert.ok(layer);
  await (await source.blob(ctx, layer))[Symbol.asyncDispose]();
  const after = await planImage(seenContext(), room.images.registry(name, { readOnly: true }));
  assert.equal(after.bytesToFetch, total - (sizes[0] ?? 0));
});

test('a cached blob that changed on disk is dropped and fetched again; a cut one is never given out (F20)', {
  skip,
}, async () => {
  await using registry = await startDockerRegistry();
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ data: randomBytes(100_000) }] });
  await pushImage(registry.host, 'rot', 'latest', [image]);
  const ctx = seenContext();
  const source = room.images.registry(`${registry.host}/rot`);
  const layer = (await source.resolve(ctx)).layers[0];
  assert.ok(layer);
  await (await source.blob(ctx, layer))[Symbol.asyncDispose]();
  const path = blobPath(room.cacheDir, layer.digest);
  const good = await readFile(path);
  await writeFile(path, Buffer.alloc(good.length));
  {
    await using damaged = await source.blob(ctx, layer);
    assert.equal(damaged.verified, false);
    assert.notEqual(sha256(await bytesOf(damaged)), layer.digest);
    assert.equal(await damaged.discard(), true);
    await using fresh = await source.blob(ctx, layer);
    assert.deepEqual([fresh.verified, sha256(await bytesOf(fresh))], [true, layer.digest]);
  }
  await writeFile(path, good.subarray(0, 100));
  await using again = await source.blob(ctx, layer);
  assert.deepEqual([again.verified, sha256(await bytesOf(again))], [true, layer.digest]);
});

test('with the cache off, or for an import without cache, no blob outlives its import', {
  skip,
}, async () => {
  await using registry = await startDockerRegistry();
  const image = await testImage({ layers: [{ data: randomBytes(10_000) }] });
  await pushImage(registry.host, 'once', 'latest', [image]);
  for (const [settings, noCache] of [
    [{ oci_cache_max_size: '0' }, false],
    [{}, true],
  ] as const) {
    await using room = await openTestImages(settings);
    const ctx = seenContext();
    const source = room.images.registry(`${registry.host}/once`, { noCache });
    const layer = (await source.resolve(ctx)).layers[0];
    assert.ok(layer);
    const blob = await source.blob(ctx, layer);
    assert.equal(sha256(await bytesOf(blob)), layer.digest);
    await blob[Symbol.asyncDispose]();
    assert.deepEqual((await readCache(room.cacheDir)).blobs, []);
  }
});

test('the limit removes the least recently used blobs and none that is in use', { skip }, async () => {
  await using registry = await startDockerRegistry();
  await using room = await openTestImages({ oci_cache_max_size: '250K' });
  const image = await testImage({ layers: [1, 2, 3].map((n) => ({ [`f${n}`]: randomBytes(100_000) })) });
  await pushImage(registry.host, 'lru', 'latest', [image]);
  const ctx = seenContext();
  const source = room.images.registry(`${registry.host}/lru`);
  const resolved = await source.resolve(ctx);
  const held: LocalBlob[] = [];
  for (const layer of resolved.layers) held.push(await source.blob(ctx, layer));
  const cached = async (): Promise<string[]> =>
    (await readCache(room.cacheDir)).blobs.map(({ digest }) => digest);
  for (const { digest } of image.layers) assert.ok((await cached()).includes(digest));
  for (const blob of held) await blob[Symbol.asyncDispose]();
  const left = await cached();
  assert.ok((await readCache(room.cacheDir)).size <= 250 * 1024);
  assert.equal(left.filter((digest) => image.layers.some((layer) => layer.digest === digest)).length, 2);
});

test('layers of one image come several at once, and never more than asked for', {
  timeout: 30_000,
}, async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [0, 1, 2, 3, 4, 5].map(() => ({ a: randomBytes(10_000) })) });
  let [running, most] = [0, 0];
  const three = Promise.withResolvers<void>();
  await using registry = await startFakeRegistry({
    images: [image],
    script: async (request, response) => {
      if (!wantsLayer(request, image)) return false;
      running += 1;
      most = Math.max(most, running);
      response.once('finish', () => {
        running -= 1;
      });
      // Nobody is answered before three ask.
      if (running === 3) three.resolve();
      await three.promise;
      return false;
    },
  });
  await using source = room.images.registry(`${registry.host}/app`);
  const ctx = seenContext();
  const digests: string[] = [];
  for await (const { layer, blob } of layersInOrder(ctx, source, await source.resolve(ctx), 3)) {
    digests.push(layer.digest);
    await blob[Symbol.asyncDispose]();
  }
  assert.deepEqual(
    digests,
    image.layers.map(({ digest }) => digest),
  );
  assert.equal(most, 3);
});
