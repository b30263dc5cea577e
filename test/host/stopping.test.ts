import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { handleContainerStart } from '../../jobs/container-start.ts';
import { handleContainerStop } from '../../jobs/container-stop.ts';
import { contracts } from '../../src/contracts/index.ts';
import {
  type ContainerStore,
  containerStore,
  loggedContext,
  output,
  outsideTestHost,
} from '../helpers/container-host.ts';
import { waitFor } from '../helpers/wait-for.ts';

describe('a container that is just being shut down', { skip: outsideTestHost(), timeout: 120_000 }, () => {
  const name = 'slow';
  const unit = `sdme@${name}.service`;
  let store: ContainerStore;
  /** Starts a service in it whose end takes seconds. */
  const takeTime = async (): Promise<void> => {
    const slow = ['--property=ExecStop=/bin/sleep 4', '/bin/sleep', '100000'];
    await output('systemd-run', '--machine', name, '--quiet', ...slow);
  };
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('stopping'));
    stack.defer(async () => void (await handleContainerRm(loggedContext().ctx, { name }, store)));
    const input = contracts['container.create'].input.parse({ name, rootfs: 'debian', started: true });
    await handleContainerCreate(loggedContext().ctx, input, store);
    await takeTime();
  });
  after(() => stack.disposeAsync());

  test('is started again once it has come to its end', async () => {
    await output('systemctl', 'stop', '--no-block', unit);
    const state = async (): Promise<string> =>
      (await output('systemctl', 'show', '-P', 'ActiveState', unit)).trim();
    await waitFor('it to be stopping', async () => (await state()) === 'deactivating');
    const { ctx, lines } = loggedContext();
    const started = await handleContainerStart(ctx, { name }, store);
    assert.equal(started.alreadyRunning, false);
    assert.equal(await state(), 'active');
    assert.deepEqual(lines, []);
    assert.equal(
      (await output('findmnt', '-no', 'FSTYPE', `${store.layout.containerDir(name)}/merged`)).trim(),
      'overlay',
    );
  });

  test('goes on with it when the stop is cancelled, and that is said', async () => {
    await takeTime();
    const cancel = new AbortController();
    const { ctx, lines } = loggedContext(cancel.signal);
    const stopping = handleContainerStop(ctx, { name, mode: 'graceful' }, store);
    const processes = async (): Promise<string[]> => (await output('ps', '-eo', 'args')).split('\n');
    await waitFor('it to shut down', async () => (await processes()).includes('/bin/sleep 4'), 30_000);
    cancel.abort(new Error('cancelled'));
    await assert.rejects(stopping, { message: 'cancelled' });
    assert.deepEqual(lines, [`container '${name}' was asked to shut down before, and goes on with it`]);
    await waitFor(
      'its end',
      async () => (await output('systemctl', 'show', '-P', 'ActiveState', unit)).trim() === 'inactive',
      30_000,
    );
  });
});
