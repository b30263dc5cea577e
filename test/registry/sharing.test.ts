import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { SdmeError } from '../../src/base/errors.ts';
import { startFakeRegistry, wantsLayer } from '../helpers/fake-registry.ts';
import { gatedRegistry } from '../helpers/gated-registry.ts';
import { openTestImages, type SeenContext, seenContext } from '../helpers/images-room.ts';
import { testImage } from '../helpers/oci-image.ts';
import { halfWay, pullLayers } from '../helpers/pull-layers.ts';
import { waitFor } from '../helpers/wait-for.ts';

test('imports that want one blob share its download, and the one that joined says so', async () => {
  await using room = await openTestImages();
  const image = await testImage({ layers: [{ data: randomBytes(400_000) }] });
  await using registry = await gatedRegistry(image);
  const name = `${registry.host}/app`;
  const [first, second] = [seenContext('FIRST'), seenContext('SECOND')];
  const one = pullLayers(room, name, first);
  await halfWay(first);
  const two = pullLayers(room, name, second);
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
  await using registry = await gatedRegistry(image);
  const name = `${registry.host}/app`;
  const owner = new AbortController();
  const [first, second] = [seenContext('FIRST', owner.signal), seenContext('SECOND')];
  const reason = new SdmeError('job.cancelled', 'x');
  const one = assert.rejects(pullLayers(room, name, first), (error) => error === reason);
  await halfWay(first);
  const two = pullLayers(room, name, second);
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
  await using registry = await gatedRegistry(image);
  const name = `${registry.host}/app`;
  const controllers = [new AbortController(), new AbortController(), new AbortController()];
  const contexts = controllers.map(({ signal }, n) => seenContext(`JOB${n}`, signal));
  const reason = new SdmeError('job.cancelled', 'x');
  const pulls: Promise<void>[] = [];
  for (const ctx of contexts) {
    pulls.push(assert.rejects(pullLayers(room, name, ctx), (error) => error === reason));
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
  const late = pullLayers(room, name, seenContext('LATE'));
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
  const first = assert.rejects(pullLayers(room, `${bad.host}/app`, a), { code: 'oci.denied' });
  await waitFor('the first request', () => bad.requests.some((request) => wantsLayer(request, image)));
  const second = assert.rejects(pullLayers(room, `${bad.host}/app`, b), { code: 'oci.denied' });
  await joined(b);
  const third = pullLayers(room, `${good.host}/app`, c);
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
        const result = pullLayers(room, `${registry.host}/app`, ctx);
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
