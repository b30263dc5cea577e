import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, before, describe, type TestContext, test } from 'node:test';
import { listContainers } from '../../src/nspawn/index.ts';
import { chooseSubmounts } from '../../src/nspawn/submounts.ts';
import { listMounts } from '../../src/system/mounts.ts';
import {
  type ContainerStore,
  containerStore,
  output,
  outsideTestHost,
  traces,
} from '../helpers/container-host.ts';
import { type Containers, containersOf } from '../helpers/containers.ts';
import { loopDisk, noLoopDisk } from '../helpers/loop-disk.ts';

const disk = '/srv/disk';

describe("clones of the host's root", { skip: outsideTestHost(), timeout: 200_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  let noDisk: string | undefined;
  const stack = new AsyncDisposableStack();
  const hostUnit = '/etc/systemd/system/srv-elsewhere.mount';
  before(async () => {
    stack.defer(() => rmSync(hostUnit, { force: true }));
    if ((await loopDisk(stack, disk)) === undefined) noDisk = noLoopDisk;
    store = stack.use(await containerStore('host-root'));
    containers = stack.use(containersOf(store));
    writeFileSync(hostUnit, '[Mount]\nWhat=/dev/none\nWhere=/srv/elsewhere\n');
  });
  after(() => stack.disposeAsync());

  const clone = (name: string, input: Record<string, unknown> = {}): Promise<string[]> =>
    containers.create(name, { rootfs: undefined, started: true, ...input });
  const shell = async (name: string, script: string): Promise<string> =>
    (await containers.inside(name, 'sh', '-c', script)).trim();

  test('a clone sees the host’s files but for its units, its logs and our data, and changes none of them', async () => {
    for (const path of ['/etc/of-the-host', '/var/log/of-the-host.log']) {
      writeFileSync(path, 'host\n');
      stack.defer(() => rmSync(path, { force: true }));
    }
    await clone('seen');
    assert.equal(await shell('seen', 'cat /etc/of-the-host'), 'host');
    assert.equal(await shell('seen', 'systemctl is-enabled srv-elsewhere.mount || :'), 'masked');
    assert.equal(await shell('seen', 'ls -d /var/log/of-the-host* 2>/dev/null || :'), '');
    assert.equal(await shell('seen', `ls -A ${store.layout.dataDir} 2>/dev/null || :`), '');
    await shell('seen', 'echo clone > /etc/of-the-host; rm /usr/bin/script; touch /root/of-the-clone');
    assert.equal(readFileSync('/etc/of-the-host', 'utf8'), 'host\n');
    assert.ok(existsSync('/usr/bin/script') && !existsSync('/root/of-the-clone'));
    await containers.stop('seen');
    await containers.start('seen');
    assert.equal(await shell('seen', 'cat /etc/of-the-host'), 'clone', 'its changes are kept');
    await containers.remove('seen');
  });

  test('directories named with -o are empty in a clone, in place of those of the configuration', async () => {
    await clone('hidden', { opaqueDirs: ['/etc/ssl', '/etc/systemd/system'] });
    assert.equal(await shell('hidden', 'ls -A /etc/ssl'), '');
    assert.ok(existsSync('/etc/ssl/certs'));
    await containers.remove('hidden');
  });

  test('a file system mounted on the host is overlaid too, and keeps its files', async (t: TestContext) => {
    if (noDisk !== undefined) return t.skip(noDisk);
    writeFileSync(`${disk}/note`, 'on the disk\n');
    await clone('disk');
    const [listed] = await listContainers(store.layout);
    assert.ok(listed?.submounts.includes(disk), listed?.submounts.join());
    assert.equal(
      await shell('disk', `cat ${disk}/note; stat -c %u ${disk} ${disk}/note`),
      'on the disk\n0\n0',
    );
    await shell('disk', `echo changed > ${disk}/note; touch ${disk}/added`);
    assert.equal(readFileSync(`${disk}/note`, 'utf8'), 'on the disk\n');
    assert.ok(!existsSync(`${disk}/added`));
    await containers.stop('disk');
    assert.deepEqual(
      (await listMounts()).filter(({ mountPoint }) =>
        mountPoint.startsWith(store.layout.containerDir('disk')),
      ),
      [],
    );
    await containers.start('disk');
    assert.equal(await shell('disk', `cat ${disk}/note`), 'changed');
    await containers.remove('disk');
  });

  test('a clone with users of its own has files of its own where the host’s cannot be mapped', async (t: TestContext) => {
    if (noDisk !== undefined) return t.skip(noDisk);
    // Big file systems of the machine that runs the tests are left out.
    const mounts = (await listMounts()).filter(({ mountPoint }) => mountPoint !== '/' && mountPoint !== disk);
    const opaqueDirs = ['/etc/systemd/system', '/var/log', ...chooseSubmounts(mounts, [])];
    writeFileSync(`${disk}/owned`, 'on the disk\n');
    chownSync(`${disk}/owned`, 1000, 1000);
    const before = statSync('/usr/bin/passwd');
    await clone('foreign', { userns: true, opaqueDirs });
    const root = (await listMounts()).find(({ mountPoint }) => mountPoint === '/');
    const state = readFileSync(store.layout.stateFile('foreign'), 'utf8');
    const mapping = root?.fsType === 'overlay' ? 'shift' : 'idmap';
    assert.match(state, new RegExp(`^USERNS_MAPPING=${mapping}$`, 'm'));
    assert.match(await shell('foreign', 'cat /proc/self/uid_map'), /^0 +\d{6,} +65536$/);
    assert.equal(
      await shell('foreign', `stat -c '%u %a' /usr/bin/passwd; stat -c %u ${disk}/owned; cat ${disk}/owned`),
      '0 4755\n1000\non the disk',
    );
    await shell(
      'foreign',
      `touch /usr/bin/of-the-clone; echo changed > ${disk}/owned; chown root /etc/passwd`,
    );
    const { uid, mode, ctimeMs } = statSync('/usr/bin/passwd');
    assert.deepEqual([uid, mode, ctimeMs], [before.uid, before.mode, before.ctimeMs]);
    assert.ok(!existsSync('/usr/bin/of-the-clone'));
    assert.deepEqual(
      [statSync(`${disk}/owned`).uid, readFileSync(`${disk}/owned`, 'utf8')],
      [1000, 'on the disk\n'],
    );
    await containers.stop('foreign');
    await containers.start('foreign');
    assert.equal(await shell('foreign', `cat ${disk}/owned`), 'changed');
    await containers.remove('foreign');

    if (mapping !== 'shift') return;
    // Nor are they copied against the setting.
    await using mapped = containersOf({ ...store, settings: { ...store.settings, userns_mapping: 'idmap' } });
    await assert.rejects(mapped.create('unmapped', { rootfs: undefined, userns: true, opaqueDirs }), {
      code: 'system.unsupported',
      message: /cannot be mapped into a user namespace by mounts$/,
    });
    assert.deepEqual(await traces(store.layout, 'unmapped'), []);
  });

  test('a link that a clone leaves where a mount point was leads nowhere on the host', async (t: TestContext) => {
    if (noDisk !== undefined) return t.skip(noDisk);
    const victim = '/srv/victim';
    mkdirSync(victim);
    stack.defer(() => rmSync(victim, { recursive: true }));
    await clone('linked');
    await containers.stop('linked');
    // As a container would do it whose mount point was not there at one of its boots.
    const upper = `${store.layout.containerDir('linked')}/upper`;
    rmSync(`${upper}${disk}`, { recursive: true, force: true });
    mkdirSync(`${upper}/srv`, { recursive: true });
    await output('ln', '-sfn', victim, `${upper}${disk}`);
    await containers.start('linked').catch(() => undefined);
    const mounts = (await listMounts()).map(({ mountPoint }) => mountPoint);
    assert.ok(!mounts.some((path) => path === victim || path.startsWith(`${victim}/`)), mounts.join('\n'));
    await containers.remove('linked');
  });
});
