import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { handleContainerStart } from '../../jobs/container-start.ts';
import { SdmeError } from '../../src/base/errors.ts';
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
import { waitFor } from '../helpers/wait-for.ts';

describe('the start of a container', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('start'));
    containers = stack.use(containersOf(store));
  });
  after(() => stack.disposeAsync());

  test('a unit that systemd will not start keeps no drop-ins', async () => {
    await containers.create('masked');
    const unit = '/run/systemd/system/sdme@masked.service';
    await output('ln', '-s', '/dev/null', unit);
    await output('systemctl', 'daemon-reload');
    await assert.rejects(containers.start('masked'), isError('dbus', /masked/));
    assert.equal(existsSync('/etc/systemd/system/sdme@masked.service.d'), false);
    await output('rm', unit);
    await output('systemctl', 'daemon-reload');
    await containers.start('masked');
    await containers.remove('masked');
  });

  test('a container that ends while it boots is stopped, and its journal is in the log', async () => {
    await containers.create('broken');
    // An init that ends at once, in the container's own layer.
    const init = `${store.layout.containerDir('broken')}/upper/usr/lib/systemd`;
    await output('mkdir', '-p', init);
    writeFileSync(`${init}/systemd`, '#!/bin/sh\necho this init is broken\nexit 1\n', { mode: 0o755 });
    const { ctx, lines } = loggedContext();
    await assert.rejects(
      handleContainerStart(ctx, { name: 'broken', timeout: 60 }, store),
      isError('container.boot-failed', /failed to boot/),
    );
    assert.equal(lines[0], "boot failed, stopping 'broken'");
    assert.equal(lines[1], '--- journal of sdme@broken.service ---');
    assert.ok(
      lines.some((line) => line.includes('this init is broken')),
      lines.join('\n'),
    );
    assert.equal(lines.at(-1), '--- end of journal of sdme@broken.service ---');
    const [listed] = (await listContainers(store.layout)).filter(({ name }) => name === 'broken');
    assert.deepEqual([listed?.status, listed?.health], ['stopped', 'failed']);
    await containers.remove('broken');
  });

  test('a boot that takes too long is left running, and fails', async () => {
    await containers.create('slow', { binds: ['/dev/null:/usr/bin/dbus-daemon'] });
    await execQuietlyMask('slow');
    await assert.rejects(
      handleContainerStart(loggedContext().ctx, { name: 'slow', timeout: 3 }, store),
      isError('container.boot-timeout', /still starting but sdme timed out/),
    );
    assert.equal(await isRunning(store.layout, 'slow'), true);
    await containers.remove('slow');
  });

  /** Masks the bus of a container that has not started, so that its boot never counts as done. */
  async function execQuietlyMask(name: string): Promise<void> {
    const units = `${store.layout.containerDir(name)}/upper/etc/systemd/system`;
    await output('ln', '-sf', '/dev/null', `${units}/dbus.socket`);
  }

  test('a cancelled start stops what it started', async () => {
    await containers.create('cancelled');
    await execQuietlyMask('cancelled');
    const abort = new AbortController();
    const { ctx } = loggedContext(abort.signal);
    const starting = handleContainerStart(ctx, { name: 'cancelled', timeout: 60 }, store);
    await waitFor('the machine', () => isRunning(store.layout, 'cancelled'));
    abort.abort(new SdmeError('job.cancelled', 'cancelled by the test'));
    await assert.rejects(starting, isError('job.cancelled', /by the test/));
    assert.equal(await isRunning(store.layout, 'cancelled'), false);
    await containers.remove('cancelled');
  });

  test('a start that is handed back leaves the boot where it is', async () => {
    await containers.create('handed');
    await execQuietlyMask('handed');
    const abort = new AbortController();
    const starting = handleContainerStart(
      loggedContext(abort.signal).ctx,
      { name: 'handed', timeout: 60 },
      store,
    );
    await waitFor('the machine', () => isRunning(store.layout, 'handed'));
    abort.abort(new SdmeError('job.handed-back', 'the worker ends'));
    await assert.rejects(starting, isError('job.handed-back', /ends/));
    assert.equal(await isRunning(store.layout, 'handed'), true);
    // Run again, it finds the container up and does not start another.
    const leader = (): Promise<string> => output('machinectl', 'show', 'handed', '-P', 'Leader');
    const before = await leader();
    await waitFor('the unit', async () =>
      (await output('systemctl', 'show', '-P', 'ActiveState', 'sdme@handed.service')).startsWith('active'),
    );
    assert.equal((await containers.start('handed')).alreadyRunning, true);
    assert.equal(await leader(), before);
    await containers.remove('handed');
  });
});
