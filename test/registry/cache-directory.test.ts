import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startFakeRegistry, wantsLayer } from '../helpers/fake-registry.ts';
import { gatedRegistry } from '../helpers/gated-registry.ts';
import { openTestImages, seenContext } from '../helpers/images-room.ts';
import { testImage } from '../helpers/oci-image.ts';
import { pullLayers } from '../helpers/pull-layers.ts';

const childScript = `
import { openTestImages, seenContext } from ${JSON.stringify(new URL('../helpers/images-room.ts', import.meta.url).href)};
const [reference, cacheDir] = process.argv.slice(1);
const room = await openTestImages({}, { cacheDir });
const ctx = seenContext('child');
const source = room.images.registry(reference);
const image = await source.resolve(ctx);
const shown = setInterval(() => { if ((ctx.items[0]?.done ?? 0) > 0) console.log('half way'); }, 5);
await source.blob(ctx, image.layers[0]);
clearInterval(shown);
`;

test('what a killed worker had fetched is gone on with by the next (I16)', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ data: randomBytes(400_000) }] });
  await using registry = await gatedRegistry(image);
  const name = `${registry.host}/app`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', childScript, name, room.cacheDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: room.dir },
  });
  const gone = once(child, 'exit');
  await once(child.stdout, 'data');
  const directory = join(room.cacheDir, 'sha256');
  const owned = async (): Promise<string[]> =>
    (await readdir(directory)).filter((entry) => entry.includes('.part-'));
  assert.equal((await owned()).length, 1);
  // While that process lives, its file is its own: this one fetches beside it.
  registry.script = () => false;
  await using beside = await openTestImages({}, { cacheDir: room.cacheDir });
  const digest = image.layers[0]?.digest;
  assert.deepEqual(await pullLayers(beside, name, seenContext()), [`${digest} fetched`]);
  assert.equal((await owned()).length, 1);
  child.kill('SIGKILL');
  await gone;
  await beside.images.store.drop(digest ?? 'sha256:');
  await using next = await openTestImages({}, { cacheDir: room.cacheDir });
  registry.requests.length = 0;
  assert.deepEqual(await pullLayers(next, name, seenContext()), [`${digest} fetched`]);
  assert.match(
    registry.requests.find((request) => wantsLayer(request, image))?.headers.range ?? '',
    /^bytes=[1-9]/,
  );
  assert.deepEqual(await owned(), []);
});

test('a full disk is said, and leaves no half blob in its place (I16)', async (t) => {
  await using room = await openTestImages();
  const small = join(room.dir, 'small');
  await mkdir(small);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'sdme-test', small], { stdio: 'ignore' });
  } catch {
    return t.skip('mounting a small disk needs root');
  }
  try {
    const image = await testImage({ layers: [{ data: randomBytes(900_000) }] });
    await using registry = await startFakeRegistry({ images: [image] });
    await using tight = await openTestImages({}, { cacheDir: join(small, 'cache') });
    await assert.rejects(pullLayers(tight, `${registry.host}/app`, seenContext()), { code: 'disk.full' });
    const names = await readdir(join(small, 'cache/sha256'));
    assert.ok(!names.includes((image.layers[0]?.digest ?? '').slice(7)));
    await tight.images.store.clean(true);
    assert.deepEqual(await readdir(join(small, 'cache/sha256')), []);
  } finally {
    execFileSync('umount', [small]);
  }
});

test('a symlink in the place of a blob or of an unfinished one is not followed', async () => {
  await using room = await openTestImages();
  const image = await testImage();
  const hex = (image.layers[0]?.digest ?? '').slice(7);
  const victim = join(room.dir, 'victim');
  await writeFile(victim, 'untouched');
  const directory = join(room.cacheDir, 'sha256');
  await mkdir(directory, { recursive: true });
  execFileSync('ln', ['-s', victim, join(directory, `.${hex}.part`)]);
  await using registry = await startFakeRegistry({ images: [image] });
  await assert.rejects(pullLayers(room, `${registry.host}/app`, seenContext()), { code: 'io' });
  assert.equal(await readFile(victim, 'utf8'), 'untouched');
});
