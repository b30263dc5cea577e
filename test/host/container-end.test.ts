import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { handleContainerStop } from '../../jobs/container-stop.ts';
import { isRunning, listContainers } from '../../src/nspawn/index.ts';
import {
  type ContainerStore,
  containerStore,
  loggedContext,
  output,
  outsideTestHost,
} from '../helpers/container-host.ts';
import { type Containers, containersOf } from '../helpers/containers.ts';
import { isError } from '../helpers/is-error.ts';

describe('the end of a container', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('end'));
    containers = stack.use(containersOf(store));
  });
  after(() => stack.disposeAsync());

  for (const mode of ['terminate', 'kill'] as const) {
    test(`a running container is ended by stop in mode ${mode}, and starts again`, async () => {
      await containers.create(mode, { started: true });
      const result = await handleContainerStop(loggedContext().ctx, { name: mode, mode }, store);
      assert.equal(result.wasRunning, true);
      const [listed] = (await listContainers(store.layout)).filter(({ name }) => name === mode);
      assert.deepEqual([listed?.status, listed?.health], ['stopped', 'ok']);
      await containers.start(mode);
      await containers.remove(mode);
    });
  }

  test('a container that does not shut down in time goes on, and the error says how to kill it', async () => {
    await containers.create('stubborn', { started: true });
    // A service that takes longer to stop than the container is given.
    await containers.inside(
      'stubborn',
      'systemd-run',
      '--unit=holds-on',
      '-p',
      'ExecStop=sleep 60',
      'sleep',
      '600',
    );
    const hasty = { ...store, settings: { ...store.settings, stop_timeout_graceful: 0.5 } };
    const stop = (mode: 'graceful' | 'kill'): Promise<{ wasRunning: boolean }> =>
      handleContainerStop(loggedContext().ctx, { name: 'stubborn', mode }, hasty);
    await assert.rejects(
      stop('graceful'),
      isError(
        'container.stop-timeout',
        /^container 'stubborn' did not stop within 0\.5 s; try 'sdme stop --kill stubborn'$/,
      ),
    );
    assert.equal(await isRunning(store.layout, 'stubborn'), true);
    assert.equal((await stop('kill')).wasRunning, true);
    await containers.remove('stubborn');
  });

  test('a container in whose tree something works is not removed, and can be once that has ended', async () => {
    await containers.create('busy');
    const merged = `${store.layout.containerDir('busy')}/merged`;
    await output('mount', '-t', 'tmpfs', 'held', merged);
    const holder = spawn('sleep', ['infinity'], { cwd: merged, stdio: 'ignore' });
    await once(holder, 'spawn');
    const removal = handleContainerRm(loggedContext().ctx, { name: 'busy' }, store);
    await assert.rejects(removal, isError('in-use', /^cannot remove container 'busy': in use$/));
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await containers.remove('busy');
  });
});
