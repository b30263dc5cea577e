import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { handleContainerDisable, handleContainerEnable } from '../../jobs/container-enable.ts';
import { handleContainerRestart } from '../../jobs/container-restart.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { handleContainerSet } from '../../jobs/container-set.ts';
import { handleContainerStart } from '../../jobs/container-start.ts';
import { handleContainerStop } from '../../jobs/container-stop.ts';
import { execCommand } from '../../src/nspawn/exec-command.ts';
import { isRunning } from '../../src/nspawn/index.ts';
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

describe('the life of a container', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('life'));
    containers = stack.use(containersOf(store));
  });
  after(() => stack.disposeAsync());

  test('a container is made, boots, runs a command, stops and is removed without a trace', async () => {
    await containers.create('life', { envs: ['GREETING=100% $HOME "x"'], memory: '512M' });
    assert.equal(lstatSync(store.layout.stateFile('life')).mode & 0o7777, 0o600);
    const state = readFileSync(store.layout.stateFile('life'), 'utf8');
    assert.match(state, /^MASKED_SERVICES=systemd-resolved\.service$/m);
    assert.match(state, /^MEMORY=512M\nNAME=life\nROOTFS=debian\n$/m);

    const first = await containers.start('life');
    assert.equal(first.alreadyRunning, false);
    assert.ok(first.bootMs > 0);
    assert.equal((await containers.start('life')).alreadyRunning, true);

    assert.equal(await containers.inside('life', 'hostname'), 'life\n');
    assert.equal(
      await containers.inside('life', 'cat', '/etc/hosts'),
      '127.0.0.1 localhost life\n::1 localhost life\n',
    );
    // What systemd read back of the quoted argument, as the container's PID 1 got it.
    const environment = await containers.inside('life', 'sh', '-c', "tr '\\0' '\\n' </proc/1/environ");
    assert.ok(environment.split('\n').includes('GREETING=100% $HOME "x"'), environment);
    assert.equal(
      (await output('systemctl', 'show', '-p', 'MemoryMax', 'sdme@life.service')).trim(),
      `MemoryMax=${512 * 1024 ** 2}`,
    );

    const stop = handleContainerStop;
    assert.equal(
      (await stop(loggedContext().ctx, { name: 'life', mode: 'graceful' }, store)).wasRunning,
      true,
    );
    assert.equal(
      (await stop(loggedContext().ctx, { name: 'life', mode: 'graceful' }, store)).wasRunning,
      false,
    );
    assert.equal(await isRunning(store.layout, 'life'), false);
    await containers.remove('life');
  });

  test('a command inside has its exit code and its bytes passed through', async () => {
    await containers.create('pipe', { started: true });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const { program, args } = execCommand({ container: 'pipe', command: ['sh', '-c', 'cat; exit 7'] });
    const child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stdin.end(bytes);
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 7);
    assert.deepEqual(Buffer.concat(chunks), bytes);
    await containers.remove('pipe');
  });

  test('restart gives a container a new PID 1 and keeps its files', async () => {
    await containers.create('again', { started: true });
    await containers.inside('again', 'touch', '/root/kept');
    const leader = await output('machinectl', 'show', 'again', '-p', 'Leader', '--value');
    await handleContainerRestart(
      loggedContext().ctx,
      { name: 'again', mode: 'graceful', timeout: 60 },
      store,
    );
    assert.notEqual(await output('machinectl', 'show', 'again', '-p', 'Leader', '--value'), leader);
    await containers.inside('again', 'test', '-e', '/root/kept');
    // Removed while it runs.
    await containers.remove('again');
  });

  test('an enabled container has its unit and drop-ins before its first start, and loses them again', async () => {
    const lines = await containers.create('boots', { enable: true });
    assert.deepEqual(lines, ["enabled 'boots' for auto-start on boot"]);
    assert.equal((await output('systemctl', 'is-enabled', 'sdme@boots.service')).trim(), 'enabled');
    assert.match(readFileSync(store.layout.stateFile('boots'), 'utf8'), /^ENABLED=yes$/m);
    // As systemd would do at boot, without sdme.
    await output('systemctl', 'start', 'sdme@boots.service');
    await handleContainerDisable(loggedContext().ctx, { name: 'boots' }, store);
    assert.match(readFileSync(store.layout.stateFile('boots'), 'utf8'), /^ENABLED=no$/m);
    await assert.rejects(output('systemctl', 'is-enabled', 'sdme@boots.service'));
    await handleContainerEnable(loggedContext().ctx, { name: 'boots' }, store);
    await containers.remove('boots');
  });

  test('set replaces all limits, and says when they take effect later', async () => {
    await containers.create('limits', { started: true, cpus: '1.5' });
    const conf = '/etc/systemd/system/sdme@limits.service.d/limits.conf';
    assert.equal(readFileSync(conf, 'utf8'), '[Service]\nCPUQuota=150%\n');
    const { ctx, lines } = loggedContext();
    const set = handleContainerSet;
    assert.equal((await set(ctx, { name: 'limits', memory: '1G' }, store)).running, true);
    assert.equal(readFileSync(conf, 'utf8'), '[Service]\nMemoryMax=1G\nMemorySwapMax=1G\n');
    assert.deepEqual(lines, ["note: container 'limits' is running; restart for limits to take effect"]);
    await set(loggedContext().ctx, { name: 'limits' }, store);
    assert.equal(existsSync(conf), false);
    await containers.remove('limits');
  });

  test("a clone of the host's root boots, without the host's units and without our data", async () => {
    await containers.create('clone', { rootfs: undefined, started: true, timeout: 60 });
    assert.match(readFileSync(store.layout.stateFile('clone'), 'utf8'), /^ROOTFS=$/m);
    assert.equal(await containers.inside('clone', 'hostname'), 'clone\n');
    const units = await containers.inside('clone', 'ls', '/etc/systemd/system');
    assert.equal(units.includes('sdme@'), false, units);
    assert.equal(await containers.inside('clone', 'sh', '-c', 'ls -A /var/lib/sdme/* 2>/dev/null || :'), '');
    await containers.remove('clone');
  });

  test('a container whose nspawn is killed is started again by systemd when asked to', async () => {
    await containers.create('phoenix', { started: true, restart: 'on-failure' });
    const leader = async (): Promise<string> =>
      output('machinectl', 'show', 'phoenix', '-p', 'Leader', '--value').catch(() => '');
    const first = await leader();
    const main = (
      await output('systemctl', 'show', '-p', 'MainPID', '--value', 'sdme@phoenix.service')
    ).trim();
    process.kill(Number(main), 'SIGKILL');
    await waitFor('another leader', async () => !['', first].includes(await leader()));
    await containers.remove('phoenix');
  });

  test('verbs on a container that is not there say so', async () => {
    const { ctx } = loggedContext();
    const missing = isError('not-found', /^container does not exist: nobody$/);
    await assert.rejects(handleContainerRm(ctx, { name: 'nobody' }, store), missing);
    await assert.rejects(handleContainerStart(ctx, { name: 'nobody', timeout: undefined }, store), missing);
    await assert.rejects(handleContainerStop(ctx, { name: 'nobody', mode: 'kill' }, store), missing);
  });
});
