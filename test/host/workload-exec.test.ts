import assert from 'node:assert/strict';
import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { capabilityMask } from '../../src/base/capabilities.ts';
import { parseProcessStatus } from '../../src/system/process-status.ts';
import { outsideTestHost } from '../helpers/container-host.ts';
import { debianTree } from '../helpers/debian-image.ts';
import { layoutFiles, testImage, writeFiles } from '../helpers/oci-image.ts';
import { openWorkloadStage, type WorkloadStage } from '../helpers/workload-stage.ts';

/** The program that is run comes out of the image, so it must be held as the container is, whoever asked for it. */
describe('a command beside an application', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack();
  let stage: WorkloadStage;
  const container = 'beside';
  const beside = (...command: string[]): Promise<string> =>
    stage.sdme.ok('exec', container, '--oci', '--', '/busybox', ...command);

  before(async () => {
    stage = stack.use(await openWorkloadStage('workload-exec'));
    const files = { busybox: await readFile(join(await debianTree('servers'), 'bin/busybox')) };
    const config = { Entrypoint: ['/busybox', 'sleep', '100000'], Cmd: null, User: '1000:1000' };
    const image = await testImage({ layers: [files], executable: Object.keys(files), config });
    await writeFiles(join(stage.dir, 'app'), layoutFiles([image]));
    await stage.sdme.ok('fs', 'import', join(stage.dir, 'app'), '--name', 'app', '--base-fs', 'base');
    const flags = ['--strict', '--apparmor-profile', 'unconfined', '--started'];
    await stage.sdme.ok('create', container, '-r', 'app', ...flags);
  });
  after(() => stack.disposeAsync());

  test('is in the namespaces and the root of the application', async () => {
    const kinds = ['pid', 'ipc', 'mnt', 'net', 'user'];
    const cgroup = `/sys/fs/cgroup/machine.slice/sdme@${container}.service/payload/system.slice/sdme-oci-app.service`;
    const workload = (await readFile(join(cgroup, 'cgroup.procs'), 'utf8')).trim().split('\n').at(-1);
    const expected = await Promise.all(kinds.map((kind) => readlink(`/proc/${workload}/ns/${kind}`)));
    const links = kinds.map((kind) => `/proc/self/ns/${kind}`);
    const found = await Promise.all(links.map((link) => beside('readlink', link)));
    assert.deepEqual(found, expected);
    const root = await beside('ls', '/');
    assert.match(root, /^busybox$/m);
    assert.doesNotMatch(root, /^oci$/m);
    assert.equal(await beside('pwd'), '/');
  });

  test('has the users of the container, no more than a workload’s capabilities, its filters, and gains nothing', async () => {
    const own = await stage.inside(container, 'cat', '/proc/self/uid_map');
    assert.equal((await beside('cat', '/proc/self/uid_map')).trim(), own);
    const outer = parseProcessStatus(await stage.inside(container, 'cat', '/proc/1/status'));
    const held = parseProcessStatus(await beside('cat', '/proc/self/status'));
    assert.equal(held.boundingSet & ~outer.boundingSet, 0n);
    assert.equal(held.boundingSet & capabilityMask(['CAP_NET_ADMIN', 'CAP_SYS_PTRACE']), 0n);
    assert.equal(held.noNewPrivileges, true);
    assert.ok(held.seccompFilters >= outer.seccompFilters);
  });

  test('cannot reach a device of the host', async () => {
    const { code, stderr } = await stage.sdme.run(
      ...['exec', container, '--oci', '--', '/busybox', 'sh', '-c'],
      '/busybox mknod /tmp/disk b 7 0 && /busybox head -c 1 /tmp/disk',
    );
    assert.notEqual(code, 0);
    assert.match(stderr, /Operation not permitted/);
  });

  test('its exit code is ours, its streams are ours, its environment is not', async () => {
    const { code } = await stage.sdme.run(
      'exec',
      container,
      '--oci',
      'app',
      '--',
      '/busybox',
      'sh',
      '-c',
      'exit 7',
    );
    assert.equal(code, 7);
    assert.doesNotMatch(await beside('env'), /SDME_/);
    assert.equal(await beside('echo', '$HOME %h "a  b"'), '$HOME %h "a  b"');
  });

  test('a user is refused, as the container’s users are not the application’s', async () => {
    const { code, stderr } = await stage.sdme.run('exec', container, '--user', 'root', '--oci', '--', 'ls');
    assert.equal(code, 2, stderr);
    assert.match(stderr, /--user/);
  });
});
