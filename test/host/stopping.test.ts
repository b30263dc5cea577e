import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { handleContainerStart } from '../../jobs/container-start.ts';
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
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('stopping'));
    stack.defer(async () => void (await handleContainerRm(loggedContext().ctx, { name }, store)));
    const input = contracts['container.create'].input.parse({ name, rootfs: 'debian', started: true });
    await handleContainerCreate(loggedContext().ctx, input, store);
    // A service whose end takes seconds.
    const slow = ['--property=ExecStop=/bin/sleep 4', '/bin/sleep', '100000'];
    await output('systemd-run', '--machine', name, '--quiet', ...slow);
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
});
