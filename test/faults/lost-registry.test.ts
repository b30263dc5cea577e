import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fsImport } from '../../src/contracts/fs-import.ts';
import { imageOf, layerOfFiles, randomFiles } from '../helpers/fault-images.ts';
import { countFiles, type FaultStage, faultsMissing, openFaultStage } from '../helpers/fault-stage.ts';
import { waitFor } from '../helpers/wait-for.ts';

const mebibyte = 1024 * 1024;

describe('a registry vanishes in the middle of a download', {
  skip: (await faultsMissing()) ?? false,
}, () => {
  const stack = new AsyncDisposableStack();
  let stage: FaultStage;
  before(async () => {
    stage = stack.use(await openFaultStage());
  });
  after(() => stack.disposeAsync());

  /** An import whose registry has gone away when a part of its layer was here. */
  const vanished = async (name: string): Promise<{ id: string; digest: string }> => {
    // Much more than what lies in the buffers of two connections when the registry dies.
    const image = imageOf([await layerOfFiles(randomFiles('data', 32, mebibyte))]);
    const digest = image.layers[0]?.digest ?? '';
    const source = await stage.push(name, image);
    stage.gate.hold({ path: new RegExp(digest), afterBytes: 2 * mebibyte });
    const id = await stage.import(source, name);
    await waitFor('a part of the layer', async () => {
      const { progress } = await stage.client.show(id);
      return progress.items.some(({ done }) => done > mebibyte);
    });
    await stage.registry.kill();
    stage.gate.open();
    return { id, digest };
  };
  /** The first request for a layer was for all of it, and no later one that was answered was. */
  const resumed = (digest: string): void => {
    const [first, ...others] = stage.gate.gets(digest).filter(({ status }) => status !== 0);
    assert.equal(first?.range, undefined);
    assert.ok(others.length > 0);
    for (const { range, status } of others) assert.deepEqual([status, range === undefined], [206, false]);
  };

  test('and comes back: the import goes on where it broke off, by itself', async () => {
    const { id, digest } = await vanished('back');
    await waitFor('a further attempt', async () => {
      const { waitingFor = '', attempt } = await stage.client.show(id);
      return attempt > 1 || waitingFor.startsWith('retry in ');
    });
    await stage.registry.start();
    const { record } = await stage.success(id);
    assert.ok(record.attempt > 1);
    assert.equal(record.crashes, 0);
    resumed(digest);
    assert.equal(await countFiles(stage.local.layout.rootfsDir('back')), 32);
  });

  test('and stays away: the import fails after its attempts, leaves nothing, and can be run again', async (t) => {
    const { id, digest } = await vanished('away');
    const began = Date.now();
    const { state, error, attempt } = await stage.client.wait(id, { signal: AbortSignal.timeout(90_000) });
    t.diagnostic(`failed ${Date.now() - began} ms after the registry had gone`);
    assert.deepEqual([state, error?.code, attempt], ['failed', 'oci.network', fsImport.retry.attempts]);
    assert.deepEqual(await stage.leftovers(), []);
    assert.ok(!(await stage.store()).includes('away'));
    await stage.registry.start();
    await stage.success((await stage.client.retry(id)).id);
    resumed(digest);
    assert.equal(await countFiles(stage.local.layout.rootfsDir('away')), 32);
  });
});
