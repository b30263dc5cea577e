import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { handleContainerStart } from '../../jobs/container-start.ts';
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
    const input = contracts['container.create'].input.parse({
      name,
      rootfs: 'debian',
      enable: true,
      restart: 'on-failure',
    });
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
  // Where the stranger's nspawn would have its sockets.
  const sockets = `/run/systemd/nspawn/unix-export/${name}`;
  before(async () => {
    await output('mkdir', '-p', sockets);
    await output('mount', '-t', 'tmpfs', 'none', sockets);
    stack.defer(async () => void (await output('rmdir', sockets)));
    stack.defer(async () => void (await output('umount', sockets)));
  });

  test('is not taken for it: nothing is run in there', async () => {
    assert.match(await output('machinectl', 'list', '--no-legend'), /^namesake /m);
    assert.equal(await isRunning(store.layout, name), false);
    const there = { container: name, command: ['true'], onTerminal: false, environment: {} };
    const settings = { join_as_sudo_user: true };
    const refused = { code: 'state.conflict', message: /^container 'namesake' is not running/ };
    await assert.rejects(execIn(store.layout, there), refused);
    await assert.rejects(joinContainer(store.layout, settings, there), refused);
  });

  test('keeps the container from being started, and what is its own when that is removed', async () => {
    const { ctx } = loggedContext();
    await assert.rejects(handleContainerStart(ctx, { name }, store), {
      code: 'state.conflict',
      message: "a machine 'namesake' of somebody else is running; end it first",
    });
    // As systemd does by itself at boot; it tries again until it is told to end.
    await assert.rejects(output('systemctl', 'start', `sdme@${name}.service`));
    await output('systemctl', 'stop', `sdme@${name}.service`);
    const registered = await output('machinectl', 'show', '--property=Unit', '--value', name);
    assert.equal(registered, `${unit}\n`);
    await handleContainerRm(ctx, { name }, store);
    assert.equal((await output('findmnt', '-no', 'FSTYPE', sockets)).trim(), 'tmpfs');
    assert.equal((await output('systemctl', 'is-active', unit)).trim(), 'active');
  });
});
