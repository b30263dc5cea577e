import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { SdmeError } from '../../src/base/errors.ts';
import { layersInOrder } from '../../src/oci/sources/layers-in-order.ts';
import { type FakeRegistry, startFakeRegistry, wantsLayer } from '../helpers/fake-registry.ts';
import { openTestImages, type SeenContext, seenContext, type TestImages } from '../helpers/images-room.ts';
import { sha256, type TestImage, testImage } from '../helpers/oci-image.ts';
import { waitFor } from '../helpers/wait-for.ts';

/** A registry whose layer comes half, and the rest when the gate opens. */
interface GatedRegistry extends FakeRegistry {
  open(): void;
  /** Times the layer was asked for. */
  layerRequests(): number;
}

async function gated(image: TestImage): Promise<GatedRegistry> {
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

/** Fetches all layers; gives their digests as the bytes say, and how each was had. */
async function pull(
  room: TestImages,
  reference: string,
  ctx: SeenContext,
  noCache = false,
): Promise<string[]> {
  await using source = room.images.registry(reference, { noCache });
  const image = await source.resolve(ctx);
  const seen: string[] = [];
  for await (const { blob } of layersInOrder(ctx, source, image, 4)) {
    await using held = blob;
    const buffer = Buffer.alloc(held.size);
    await held.handle.read(buffer, 0, held.size, held.offset);
    seen.push(`${sha256(buffer)} ${held.via}`);
  }
  return seen;
}

const halfWay = (ctx: SeenContext): Promise<true> =>
  waitFor(`${ctx.jobId} half way`, () => (ctx.items[0]?.done ?? 0) > 0 || undefined);

test('imports that want one blob share its download, and the one that joined says so', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ data: randomBytes(400_000) }] });
  await using registry = await gated(image);
  const name = `${registry.host}/app`;
  const [first, second] = [seenContext('FIRST'), seenContext('SECOND')];
  const one = pull(room, name, first);
  await halfWay(first);
  const two = pull(room, name, second);
  await halfWay(second);
  assert.deepEqual(second.items[0]?.notes, ['joined the download of job FIRST']);
  assert.deepEqual(first.items[0]?.notes, []);
  registry.open();
  const digest = image.layers[0]?.digest;
  assert.deepEqual([await one, await two], [[`${digest} fetched`], [`${digest} shared`]]);
  assert.equal(registry.layerRequests(), 1);
  for (const [ctx, end] of [
    [first, 'done'],
    [second, 'shared'],
  ] as const) {
    const [item] = ctx.items;
    assert.deepEqual([item?.end, item?.done], [end, image.layers[0]?.size]);
  }
});

test('when the job that began is cancelled, the download goes on for those that joined', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ data: randomBytes(400_000) }] });
  await using registry = await gated(image);
  const name = `${registry.host}/app`;
  const owner = new AbortController();
  const [first, second] = [seenContext('FIRST', owner.signal), seenContext('SECOND')];
  const reason = new SdmeError('job.cancelled', 'x');
  const one = assert.rejects(pull(room, name, first), (error) => error === reason);
  await halfWay(first);
  const two = pull(room, name, second);
  await halfWay(second);
  owner.abort(reason);
  await one;
  registry.open();
  assert.deepEqual(await two, [`${image.layers[0]?.digest} fetched`]);
  assert.equal(registry.layerRequests(), 1);
  assert.equal(second.items[0]?.end, 'done');
});

test('when one that joined is cancelled, the others do not notice; when all are, the download ends', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ data: randomBytes(400_000) }] });
  await using registry = await gated(image);
  const name = `${registry.host}/app`;
  const controllers = [new AbortController(), new AbortController(), new AbortController()];
  const contexts = controllers.map(({ signal }, n) => seenContext(`JOB${n}`, signal));
  const reason = new SdmeError('job.cancelled', 'x');
  const pulls: Promise<void>[] = [];
  for (const ctx of contexts) {
    pulls.push(assert.rejects(pull(room, name, ctx), (error) => error === reason));
    await halfWay(ctx);
  }
  controllers[1]?.abort(reason);
  await pulls[1];
  assert.equal(contexts[0]?.items[0]?.end, undefined);
  controllers[0]?.abort(reason);
  controllers[2]?.abort(reason);
  await Promise.all(pulls);
  const names = await readdir(join(room.cacheDir, 'sha256'));
  assert.ok(!names.some((entry) => entry.includes('.part-')), 'still owned by a download');
  const late = pull(room, name, seenContext('LATE'));
  registry.open();
  assert.deepEqual(await late, [`${image.layers[0]?.digest} fetched`]);
});

test('when the registry fails for one, those who would ask elsewhere go on; those who would not get the error', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ data: randomBytes(400_000) }] });
  const gate = Promise.withResolvers<void>();
  await using bad = await startFakeRegistry({
    images: [image],
    script: async (request, response) => {
      if (!wantsLayer(request, image)) return false;
      await gate.promise;
      response.writeHead(403).end();
      return true;
    },
  });
  await using good = await startFakeRegistry({ images: [image] });
  const contexts = ['A', 'B', 'C'].map((id) => seenContext(id));
  const [a, b, c] = contexts;
  assert.ok(a && b && c);
  const joined = (ctx: SeenContext): Promise<true> =>
    waitFor(ctx.jobId, () => ctx.items.length > 0 || undefined);
  const first = assert.rejects(pull(room, `${bad.host}/app`, a), { code: 'oci.denied' });
  await waitFor('the first request', () => bad.requests.some((request) => wantsLayer(request, image)));
  const second = assert.rejects(pull(room, `${bad.host}/app`, b), { code: 'oci.denied' });
  await joined(b);
  const third = pull(room, `${good.host}/app`, c);
  await joined(c);
  gate.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(await third, [`${image.layers[0]?.digest} fetched`]);
  assert.deepEqual(c.items[0]?.notes, ['joined the download of job A']);
});

for (const cancelled of [0, 4]) {
  test(`of twenty imports of one image of ten layers ${cancelled} are cancelled; all end, and what is wanted is fetched once`, async () => {
    await using room = await openTestImages();
    const layers = Array.from({ length: 10 }, (_, n) => ({ [`f${n}`]: randomBytes(50_000) }));
    const image = await testImage({ layers });
    await using registry = await startFakeRegistry({ images: [image] });
    const digests = image.layers.map(({ digest }) => digest);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, n) => {
        const controller = new AbortController();
        const ctx = seenContext(`J${n}`, controller.signal);
        const result = pull(room, `${registry.host}/app`, ctx);
        if (n >= cancelled) return result;
        result.catch(() => {});
        await waitFor('a layer', () => ctx.items.length > 0 || ctx.signal.aborted);
        controller.abort(new SdmeError('job.cancelled', 'x'));
        return result;
      }),
    );
    for (const [n, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled')
        assert.deepEqual(
          outcome.value.map((line) => line.split(' ')[0]),
          digests,
        );
      else
        assert.deepEqual(
          [outcome.reason.code, n < cancelled],
          ['job.cancelled', true],
          `${n} ${outcome.reason}`,
        );
    }
    for (const digest of digests) {
      const requests = registry.requests.filter(({ path }) => path.endsWith(digest)).length;
      // A download that only cancelled imports wanted ends with them, and the next begins another.
      assert.ok(cancelled === 0 ? requests === 1 : requests <= 1 + cancelled, `${requests} requests`);
    }
  });
}

test('a layer that occurs twice is fetched once and given twice, in order (F4)', async () => {
  await using room = await openTestImages();
  const twice = { a: randomBytes(30_000) };
  const image = await testImage({ layers: [twice, { b: 'x' }, twice] });
  await using registry = await startFakeRegistry({ images: [image] });
  const ctx = seenContext();
  const seen = await pull(room, `${registry.host}/app`, ctx);
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
  const fetched = await pull(room, `${registry.host}/app`, ctx);
  assert.ok(fetched.every((line) => line.endsWith(' fetched')));
  const cached = await pull(room, `${registry.host}/app`, ctx);
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
  await assert.rejects(pull(room, `${registry.host}/app`, seenContext()), { code: 'oci.not-found' });
  const names = await readdir(join(room.cacheDir, 'sha256'));
  assert.ok(!names.some((entry) => entry.includes('.part-')));
});

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
  await using registry = await gated(image);
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
  assert.deepEqual(await pull(beside, name, seenContext()), [`${digest} fetched`]);
  assert.equal((await owned()).length, 1);
  child.kill('SIGKILL');
  await gone;
  await beside.images.store.drop(digest ?? 'sha256:');
  await using next = await openTestImages({}, { cacheDir: room.cacheDir });
  registry.requests.length = 0;
  assert.deepEqual(await pull(next, name, seenContext()), [`${digest} fetched`]);
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
    await assert.rejects(pull(tight, `${registry.host}/app`, seenContext()), { code: 'disk.full' });
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
  await assert.rejects(pull(room, `${registry.host}/app`, seenContext()), { code: 'io' });
  assert.equal(await readFile(victim, 'utf8'), 'untouched');
});
