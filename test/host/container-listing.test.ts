import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { containerListing, listContainers } from '../../src/nspawn/index.ts';
import { type ContainerStore, containerStore, outsideTestHost } from '../helpers/container-host.ts';
import { type Containers, containersOf } from '../helpers/containers.ts';
import { waitFor } from '../helpers/wait-for.ts';

describe('the listing of containers', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('listing'));
    containers = stack.use(containersOf(store));
  });
  after(() => stack.disposeAsync());

  test('ps shows state, health and system, and its JSON has the agreed form', async () => {
    await containers.create('shown', { started: true, binds: ['/etc:/mnt/etc:ro'] });
    await containers.create('resting');
    await waitFor('the boot to be done', async () => {
      const listed = (await listContainers(store.layout)).find(({ name }) => name === 'shown');
      return listed?.health === 'ok';
    });
    const listings = await listContainers(store.layout);
    for (const listing of listings) containerListing.parse(listing);
    const shown = listings.find(({ name }) => name === 'shown');
    assert.equal(shown?.status, 'running');
    assert.match(shown?.os ?? '', /^Debian GNU\/Linux/);
    assert.deepEqual(shown?.binds, ['/etc:/mnt/etc:ro']);
    const resting = listings.find(({ name }) => name === 'resting');
    assert.deepEqual([resting?.status, resting?.health, resting?.enabled], ['stopped', 'ok', false]);
    await assert.rejects(containers.inside('shown', 'touch', '/mnt/etc/x'), /Read-only file system/);

    // A failed unit inside is told, and told no more once it is reset.
    await containers.inside('shown', 'systemd-run', '--unit=bad', '--wait', 'false').catch(() => {});
    const health = async (): Promise<string | undefined> =>
      (await listContainers(store.layout)).find(({ name }) => name === 'shown')?.health;
    assert.equal(await health(), 'degraded');
    await containers.inside('shown', 'systemctl', 'reset-failed');
    assert.equal(await health(), 'ok');
    await containers.remove('shown');
    await containers.remove('resting');
  });

  test('a container with a damaged record is listed as such and can be removed', async () => {
    await containers.create('damaged');
    writeFileSync(store.layout.stateFile('damaged'), 'nonsense\n');
    const [listed] = (await listContainers(store.layout)).filter(({ name }) => name === 'damaged');
    assert.equal(listed?.health, 'unreadable state file');
    await containers.remove('damaged');
  });

  test('a container in a zone has networkd running, an address, and shows it in ps', async () => {
    await containers.create('zoned', { started: true, networkZone: 'z', timeout: 60 });
    const addresses = await waitFor('an address', async () => {
      const [listed] = (await listContainers(store.layout)).filter(({ name }) => name === 'zoned');
      return listed !== undefined && listed.addresses.length > 0 && listed.addresses;
    });
    assert.ok(addresses.every((address) => !address.startsWith('fe80')));
    await containers.remove('zoned');
  });
});
