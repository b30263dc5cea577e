import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { contracts } from '../../src/contracts/index.ts';
import { execIn, isRunning, joinContainer } from '../../src/nspawn/read-side.ts';
import {
  type ContainerStore,
  containerStore,
  loggedContext,
  output,
  outsideTestHost,
} from '../helpers/container-host.ts';

describe('a machine of somebody else that has the name of a container', {
  skip: outsideTestHost(),
  timeout: 60_000,
}, () => {
  const name = 'namesake';
  const unit = 'stranger.service';
  let store: ContainerStore;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('stranger'));
    stack.defer(async () => void (await handleContainerRm(loggedContext().ctx, { name }, store)));
    const input = contracts['container.create'].input.parse({ name, rootfs: 'debian' });
    await handleContainerCreate(loggedContext().ctx, input, store);
    await output('systemd-run', '--quiet', `--unit=${unit}`, 'sleep', '100000');
    stack.defer(async () => void (await output('systemctl', 'stop', unit)));
    const leader = (await output('systemctl', 'show', '-P', 'MainPID', unit)).trim();
    const manager = [
      'org.freedesktop.machine1',
      '/org/freedesktop/machine1',
      'org.freedesktop.machine1.Manager',
    ];
    const machine = [name, '0', '', 'container', leader, '/'];
    await output('busctl', 'call', ...manager, 'RegisterMachine', 'sayssus', ...machine);
  });
  after(() => stack.disposeAsync());

  test('is not taken for it: nothing is run in there', async () => {
    assert.match(await output('machinectl', 'list', '--no-legend'), /^namesake /m);
    assert.equal(await isRunning(store.layout, name), false);
    const there = { container: name, command: ['true'], onTerminal: false, environment: {} };
    const settings = { join_as_sudo_user: true };
    for (const running of [execIn(store.layout, there), joinContainer(store.layout, settings, there)])
      await assert.rejects(running, {
        code: 'state.conflict',
        message: /^container 'namesake' is not running/,
      });
  });
});
