import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { endStates } from '../../src/contracts/job-states.ts';
import { liveStates } from '../../src/queue/states.ts';
import { imageOf, layerOfFiles, randomFiles, shellLayer } from '../helpers/fault-images.ts';
import {
  countFiles,
  type FaultStage,
  faultsMissing,
  openFaultStage,
  stagingOf,
} from '../helpers/fault-stage.ts';
import { waitFor } from '../helpers/wait-for.ts';

const config = `slots_network = 1
[distros.debian]
import_prehook = ["echo at work; sleep 300; true"]`;

describe('an import is cancelled, and nothing of it is left,', {
  skip: (await faultsMissing()) ?? false,
}, () => {
  const stack = new AsyncDisposableStack();
  let stage: FaultStage;
  let source: string;
  /** Requests for the layers of `source`; other requests for blobs are for configurations. */
  let layers: RegExp;
  let other: string;
  let shell: string;
  before(async () => {
    stage = stack.use(await openFaultStage({ config }));
    const small = await layerOfFiles(randomFiles('small', 2_000, 500));
    const image = imageOf([small, await layerOfFiles(randomFiles('data', 8, 1024 * 1024))]);
    layers = new RegExp(image.layers.map(({ digest }) => digest).join('|'));
    source = await stage.push('app', image);
    other = await stage.push('other', imageOf([await layerOfFiles(randomFiles('data', 1, 1024 * 1024))]));
    shell = await stage.push('shell', imageOf([await shellLayer()]));
  });
  after(() => stack.disposeAsync());
  const endOthers = async (): Promise<void> => {
    const jobs = await stage.client.list({ states: liveStates });
    for (const { id } of jobs) await stage.client.cancel(id);
    for (const { id } of jobs) await stage.client.wait(id);
  };
  afterEach(async () => {
    await endOthers();
    stage.gate.open();
  });

  const begin = (): Promise<string> => stage.import(source, 'tree', { noCache: true });
  const waiting = (id: string, reason: RegExp): Promise<unknown> =>
    waitFor(`${reason}`, async () => reason.test((await stage.client.show(id)).waitingFor ?? ''), 30_000);
  const held = async (path: RegExp, afterBytes = 0): Promise<string> => {
    stage.gate.hold({ path, afterBytes });
    const id = await begin();
    await waitFor('an answer to be held back', () => stage.gate.held() > 0);
    return id;
  };

  /** By place: an import that is there; the function may say what has to be done once it was asked to end. */
  const places: Readonly<Record<string, () => Promise<{ id: string; asked?: () => void }>>> = {
    'in the queue': async () => {
      await stage.client.wait((await stage.client.submit('host.ping', {})).id);
      const worker = await stage.pid('worker');
      process.kill(worker, 'SIGSTOP');
      return { id: await begin(), asked: () => void process.kill(worker, 'SIGCONT') };
    },
    'as it waits for a lock': async () => {
      await held(/\/blobs\//);
      const id = await begin();
      await waiting(id, /^lock fs\/tree$/);
      return { id };
    },
    'as it waits for a slot': async () => {
      await held(layers);
      const id = await stage.import(other, 'other', { noCache: true });
      await waiting(id, /^slot /);
      return { id };
    },
    'as it asks for the manifest': async () => ({ id: await held(/\/manifests\//) }),
    'as it asks for the configuration': async () => ({ id: await held(/\/blobs\//) }),
    'as it asks for a layer': async () => ({ id: await held(layers) }),
    'in the middle of a download that is unpacked meanwhile': async () => {
      const id = await held(layers, 64 * 1024);
      await waitFor('some entries', async () => {
        const tree = await stagingOf(stage, 'tree');
        return tree !== undefined && (await readdir(join(tree, 'small')).catch(() => [])).length > 0;
      });
      return { id };
    },
    'as a command prepares the tree': async () => {
      const id = await stage.import(shell, 'tree', { installPackages: 'yes' });
      await waitFor('the command', async () => (await stage.client.show(id)).logLines > 0, 30_000);
      return { id };
    },
    'as it waits for its next attempt': async () => {
      await stage.registry.kill();
      const id = await begin();
      await waiting(id, /^retry in /);
      return { id };
    },
  };

  for (const [place, reach] of Object.entries(places)) {
    test(place, async (t) => {
      const { id, asked } = await reach();
      const askedAt = Date.now();
      await stage.client.cancel(id);
      asked?.();
      const { state, error } = await stage.client.wait(id, { signal: AbortSignal.timeout(20_000) });
      t.diagnostic(`cancelled after ${Date.now() - askedAt} ms`);
      assert.deepEqual([state, error?.code], ['cancelled', 'job.cancelled']);
      await endOthers();
      assert.deepEqual(await stage.leftovers(), []);
      assert.deepEqual(await stage.store(), []);
    });
  }

  test('and the next import of the same name is whole', async () => {
    await stage.registry.start();
    await stage.success(await begin());
    assert.equal(await countFiles(stage.local.layout.rootfsDir('tree')), 2_008);
    assert.ok((await stage.client.list({ states: endStates })).every(({ crashes }) => crashes === 0));
  });
});
