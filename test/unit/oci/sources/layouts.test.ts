import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createGunzip, gzipSync } from 'node:zlib';
import type { ImageSource, LocalBlob } from '../../../../src/oci/sources/image-source.ts';
import { blobPathInLayout } from '../../../../src/oci/sources/layout-files.ts';
import { openTestImages, seenContext, type TestImages } from '../../../helpers/images-room.ts';
import {
  blobsOf,
  indexOf,
  layoutFiles,
  sha256,
  type TestImage,
  tarOf,
  testImage,
  writeFiles,
} from '../../../helpers/oci-image.ts';

async function bytesOf(blob: LocalBlob): Promise<Buffer> {
  const buffer = Buffer.alloc(blob.size);
  await blob.handle.read(buffer, 0, blob.size, blob.offset);
  return buffer;
}

/** Resolves and reads every layer; gives the layers' digests as their bytes say. */
async function readAll(source: ImageSource): Promise<{ manifest: string; digests: string[] }> {
  const ctx = seenContext();
  const image = await source.resolve(ctx);
  const digests: string[] = [];
  for (const layer of image.layers) {
    await using blob = await source.blob(ctx, layer);
    assert.deepEqual([blob.via, blob.verified], ['local', false]);
    digests.push(sha256(await bytesOf(blob)));
  }
  return { manifest: image.manifestDigest, digests };
}

const layersOf = (image: TestImage): string[] => image.layers.map(({ digest }) => digest);

async function layoutIn(room: TestImages, image: TestImage): Promise<string> {
  const dir = join(room.dir, 'layout');
  await writeFiles(dir, layoutFiles([image]));
  return dir;
}

test('a layout directory gives its image, read where it lies', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ a: 'one' }, { b: 'two' }] });
  await using source = await room.images.layout(await layoutIn(room, image));
  assert.deepEqual(await readAll(source), { manifest: image.manifest.digest, digests: layersOf(image) });
});

test('an OCI archive gives its image, plain or compressed, and leaves no file behind', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ a: 'x'.repeat(5000) }, { b: 'two' }] });
  const tar = await tarOf(layoutFiles([image]));
  const plain = join(room.dir, 'plain.tar');
  const packed = join(room.dir, 'packed.tar.gz');
  await writeFile(plain, tar);
  await writeFile(packed, gzipSync(tar));
  const open = {
    plain: async () => {
      const stream = createReadStream(packed).pipe(createGunzip());
      return { stream, check: async () => {}, [Symbol.asyncDispose]: async () => void stream.destroy() };
    },
  };
  const wanted = { manifest: image.manifest.digest, digests: layersOf(image) };
  const { signal } = seenContext();
  {
    await using source = await room.images.archive(plain, signal);
    assert.deepEqual(await readAll(source), wanted);
  }
  {
    await using source = await room.images.archive(packed, signal, open);
    assert.deepEqual(await readAll(source), wanted);
  }
  const left = execFileSync('find', [room.cacheDir, '-type', 'f'], { encoding: 'utf8' });
  assert.equal(left, '');
});

test('a docker save archive gives its image; plain layers are known by their diff ids, links are followed', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ a: 'one' }], plain: true });
  const gzip = await testImage({ layers: [{ a: 'one' }] });
  for (const { config, layers } of [image, gzip]) {
    const path = join(room.dir, 'saved.tar');
    const layer = layers[0];
    assert.ok(layer);
    const manifest = [{ Config: 'c.json', RepoTags: ['x:1'], Layers: ['b/layer.tar'] }];
    await writeFiles(join(room.dir, 'saved'), {
      'manifest.json': Buffer.from(JSON.stringify(manifest)),
      'c.json': config.bytes,
      'a/layer.tar': layer.bytes,
    });
    await mkdir(join(room.dir, 'saved/b'), { recursive: true });
    await rm(join(room.dir, 'saved/b/layer.tar'), { force: true });
    await symlink('../a/layer.tar', join(room.dir, 'saved/b/layer.tar'));
    execFileSync('tar', ['-cf', path, '-C', join(room.dir, 'saved'), '.']);
    await using source = await room.images.archive(path, seenContext().signal);
    assert.deepEqual(await readAll(source), { manifest: config.digest, digests: [layer.digest] });
  }
});

test('a cut archive and one that holds no image are refused (E22)', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ a: 'x'.repeat(50_000) }], plain: true });
  const tar = await tarOf(layoutFiles([image]));
  const path = join(room.dir, 'x.tar');
  await writeFile(path, tar.subarray(0, tar.length - 40_000));
  await assert.rejects(room.images.archive(path, seenContext().signal), { code: 'unpack.format' });
  await writeFile(path, await tarOf({ 'etc/passwd': 'root' }));
  await using source = await room.images.archive(path, seenContext().signal);
  await assert.rejects(source.resolve(seenContext()), {
    code: 'input.invalid',
    message: /neither oci-layout nor/,
  });
});

for (const place of ['oci-layout', 'index.json', 'config', 'layer', 'blobs/sha256'] as const) {
  for (const kind of ['symlink', 'fifo', 'device'] as const) {
    test(`${place} as a ${kind} is not read (F18)`, async (t) => {
      await using room = await openTestImages();
      const image = await testImage();
      const dir = await layoutIn(room, image);
      const blob = place === 'config' ? image.config : place === 'layer' ? image.layers[0] : undefined;
      const path = join(dir, blob === undefined ? place : blobPathInLayout(blob.digest));
      await rename(path, `${path}.real`);
      if (kind === 'symlink') await symlink(`${path}.real`, path);
      else if (kind === 'fifo') execFileSync('mkfifo', [path]);
      else {
        try {
          execFileSync('mknod', [path, 'c', '1', '5'], { stdio: 'ignore' });
        } catch {
          return t.skip('making a device needs root');
        }
      }
      await using source = await room.images.layout(dir);
      await assert.rejects(readAll(source), { code: 'input.invalid', message: /is not a regular file/ });
    });
  }
}

test('a blob of a layout whose bytes or size are wrong is refused (F15, F17)', async () => {
  await using room = await openTestImages();
  const image = await testImage();
  const dir = await layoutIn(room, image);
  await using source = await room.images.layout(dir);
  for (const { digest, bytes } of blobsOf(image)) {
    const path = join(dir, blobPathInLayout(digest));
    const layer = digest === image.layers[0]?.digest;
    for (const bad of layer ? [bytes.subarray(1)] : [bytes.subarray(1), Buffer.alloc(bytes.length, 32)]) {
      await writeFile(path, bad);
      await assert.rejects(readAll(source), { code: 'oci.digest-mismatch' });
    }
    await writeFile(path, bytes);
  }
  await readAll(source);
});

test('a layout of several images is refused by name, one for several platforms is not', async () => {
  await using room = await openTestImages();
  const amd = await testImage();
  const other = await testImage();
  const arm = await testImage({ architecture: 'arm64' });
  const dir = join(room.dir, 'many');
  await writeFiles(
    dir,
    layoutFiles(
      [amd, other, arm],
      indexOf([
        ['linux/amd64', amd],
        ['linux/amd64', other],
      ]),
    ),
  );
  {
    await using source = await room.images.layout(dir);
    await assert.rejects(source.resolve(seenContext()), { code: 'input.invalid', message: /several images/ });
  }
  await writeFiles(dir, {
    'index.json': indexOf([
      ['linux/arm64', arm],
      ['linux/amd64', amd],
    ]).bytes,
  });
  await using source = await room.images.layout(dir);
  assert.equal((await readAll(source)).manifest, amd.manifest.digest);
});

test('a layout of another version, and a path that is none, are refused', async () => {
  await using room = await openTestImages();
  const dir = join(room.dir, 'empty');
  await writeFiles(dir, { 'oci-layout': Buffer.from('{"imageLayoutVersion":"2.0.0"}') });
  await using source = await room.images.layout(dir);
  await assert.rejects(source.resolve(seenContext()), {
    code: 'oci.manifest-invalid',
    message: /version 1\.0\.0/,
  });
  await assert.rejects(room.images.layout(join(room.dir, 'none')), { code: 'not-found' });
});
