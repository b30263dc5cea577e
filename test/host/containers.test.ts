import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleContainerDisable, handleContainerEnable } from '../../jobs/container-enable.ts';
import { handleContainerRestart } from '../../jobs/container-restart.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { handleContainerSet } from '../../jobs/container-set.ts';
import { handleContainerStart } from '../../jobs/container-start.ts';
import { handleContainerStop } from '../../jobs/container-stop.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { contracts, type InputOf } from '../../src/contracts/index.ts';
import { execCommand } from '../../src/nspawn/exec-command.ts';
import { containerListing, isRunning, listContainers } from '../../src/nspawn/index.ts';
import {
  type ContainerStore,
  containerStore,
  loggedContext,
  output,
  outsideTestHost,
  traces,
} from '../helpers/container-host.ts';
import { waitFor } from '../helpers/wait-for.ts';

const create = (input: Record<string, unknown>): InputOf<'container.create'> =>
  contracts['container.create'].input.parse(input);

async function execInside(container: string, ...command: string[]): Promise<string> {
  const { program, args } = execCommand({ container, command });
  return output(program, ...args);
}

function isError(code: string, says: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SdmeError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, says);
    return true;
  };
}

describe('containers', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  let store: ContainerStore;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('containers'));
  });
  after(() => stack.disposeAsync());

  const made = async (name: string, more: Record<string, unknown> = {}): Promise<void> => {
    await handleContainerCreate(loggedContext().ctx, create({ name, rootfs: 'debian', ...more }), store);
  };
  const start = (name: string): Promise<{ alreadyRunning: boolean; bootMs: number }> =>
    handleContainerStart(loggedContext().ctx, { name, timeout: 60 }, store);
  const remove = async (name: string): Promise<void> => {
    await handleContainerRm(loggedContext().ctx, { name }, store);
    assert.deepEqual(await traces(store.layout, name), []);
  };

  test('a container is made, boots, runs a command, stops and is removed without a trace', async () => {
    await made('life', { envs: ['GREETING=100% $HOME "x"'], memory: '512M' });
    assert.equal(lstatSync(store.layout.stateFile('life')).mode & 0o7777, 0o600);
    const state = readFileSync(store.layout.stateFile('life'), 'utf8');
    assert.match(state, /^MASKED_SERVICES=systemd-resolved\.service$/m);
    assert.match(state, /^MEMORY=512M\nNAME=life\nROOTFS=debian\n$/m);

    const first = await start('life');
    assert.equal(first.alreadyRunning, false);
    assert.ok(first.bootMs > 0);
    assert.equal((await start('life')).alreadyRunning, true);

    assert.equal(await execInside('life', 'hostname'), 'life\n');
    assert.equal(
      await execInside('life', 'cat', '/etc/hosts'),
      '127.0.0.1 localhost life\n::1 localhost life\n',
    );
    // What systemd read back of the quoted argument, as the container's PID 1 got it.
    const environment = await execInside('life', 'sh', '-c', "tr '\\0' '\\n' </proc/1/environ");
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
    await remove('life');
  });

  test('a command inside has its exit code and its bytes passed through', async () => {
    await made('pipe', { started: true });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const { program, args } = execCommand({ container: 'pipe', command: ['sh', '-c', 'cat; exit 7'] });
    const child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stdin.end(bytes);
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 7);
    assert.deepEqual(Buffer.concat(chunks), bytes);
    await remove('pipe');
  });

  test('ps shows state, health and system, and its JSON has the agreed form', async () => {
    await made('shown', { started: true, binds: ['/etc:/mnt/etc:ro'] });
    await made('resting');
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
    await assert.rejects(execInside('shown', 'touch', '/mnt/etc/x'), /Read-only file system/);

    // A failed unit inside is told, and told no more once it is reset.
    await execInside('shown', 'systemd-run', '--unit=bad', '--wait', 'false').catch(() => {});
    const health = async (): Promise<string | undefined> =>
      (await listContainers(store.layout)).find(({ name }) => name === 'shown')?.health;
    assert.equal(await health(), 'degraded');
    await execInside('shown', 'systemctl', 'reset-failed');
    assert.equal(await health(), 'ok');
    await remove('shown');
    await remove('resting');
  });

  for (const mode of ['terminate', 'kill'] as const) {
    test(`a running container is ended by stop in mode ${mode}, and starts again`, async () => {
      await made(mode, { started: true });
      const result = await handleContainerStop(loggedContext().ctx, { name: mode, mode }, store);
      assert.equal(result.wasRunning, true);
      const [listed] = (await listContainers(store.layout)).filter(({ name }) => name === mode);
      assert.deepEqual([listed?.status, listed?.health], ['stopped', 'ok']);
      await start(mode);
      await remove(mode);
    });
  }

  test('a container that does not shut down in time goes on, and the error says how to kill it', async () => {
    await made('stubborn', { started: true });
    // A service that takes longer to stop than the container is given.
    await execInside('stubborn', 'systemd-run', '--unit=holds-on', '-p', 'ExecStop=sleep 60', 'sleep', '600');
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
    await remove('stubborn');
  });

  test('a unit that systemd will not start keeps no drop-ins', async () => {
    await made('masked');
    const unit = '/run/systemd/system/sdme@masked.service';
    await output('ln', '-s', '/dev/null', unit);
    await output('systemctl', 'daemon-reload');
    await assert.rejects(start('masked'), isError('dbus', /masked/));
    assert.equal(existsSync('/etc/systemd/system/sdme@masked.service.d'), false);
    await output('rm', unit);
    await output('systemctl', 'daemon-reload');
    await start('masked');
    await remove('masked');
  });

  test('a container in whose tree something works is not removed, and can be once that has ended', async () => {
    await made('busy');
    const merged = `${store.layout.containerDir('busy')}/merged`;
    await output('mount', '-t', 'tmpfs', 'held', merged);
    const holder = spawn('sleep', ['infinity'], { cwd: merged, stdio: 'ignore' });
    await once(holder, 'spawn');
    const removal = handleContainerRm(loggedContext().ctx, { name: 'busy' }, store);
    await assert.rejects(removal, isError('in-use', /^cannot remove container 'busy': in use$/));
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await remove('busy');
  });

  test('restart gives a container a new PID 1 and keeps its files', async () => {
    await made('again', { started: true });
    await execInside('again', 'touch', '/root/kept');
    const leader = await output('machinectl', 'show', 'again', '-p', 'Leader', '--value');
    await handleContainerRestart(
      loggedContext().ctx,
      { name: 'again', mode: 'graceful', timeout: 60 },
      store,
    );
    assert.notEqual(await output('machinectl', 'show', 'again', '-p', 'Leader', '--value'), leader);
    await execInside('again', 'test', '-e', '/root/kept');
    // Removed while it runs.
    await remove('again');
  });

  test('an enabled container has its unit and drop-ins before its first start, and loses them again', async () => {
    const { ctx, lines } = loggedContext();
    await handleContainerCreate(ctx, create({ name: 'boots', rootfs: 'debian', enable: true }), store);
    assert.deepEqual(lines, ["enabled 'boots' for auto-start on boot"]);
    assert.equal((await output('systemctl', 'is-enabled', 'sdme@boots.service')).trim(), 'enabled');
    assert.match(readFileSync(store.layout.stateFile('boots'), 'utf8'), /^ENABLED=yes$/m);
    // As systemd would do at boot, without sdme.
    await output('systemctl', 'start', 'sdme@boots.service');
    await handleContainerDisable(loggedContext().ctx, { name: 'boots' }, store);
    assert.match(readFileSync(store.layout.stateFile('boots'), 'utf8'), /^ENABLED=no$/m);
    await assert.rejects(output('systemctl', 'is-enabled', 'sdme@boots.service'));
    await handleContainerEnable(loggedContext().ctx, { name: 'boots' }, store);
    await remove('boots');
  });

  test('set replaces all limits, and says when they take effect later', async () => {
    await made('limits', { started: true, cpus: '1.5' });
    const conf = '/etc/systemd/system/sdme@limits.service.d/limits.conf';
    assert.equal(readFileSync(conf, 'utf8'), '[Service]\nCPUQuota=150%\n');
    const { ctx, lines } = loggedContext();
    const set = handleContainerSet;
    assert.equal((await set(ctx, { name: 'limits', memory: '1G' }, store)).running, true);
    assert.equal(readFileSync(conf, 'utf8'), '[Service]\nMemoryMax=1G\nMemorySwapMax=1G\n');
    assert.deepEqual(lines, ["note: container 'limits' is running; restart for limits to take effect"]);
    await set(loggedContext().ctx, { name: 'limits' }, store);
    assert.equal(existsSync(conf), false);
    await remove('limits');
  });

  test('a container that ends while it boots is stopped, and its journal is in the log', async () => {
    await made('broken');
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
    await remove('broken');
  });

  test('create with a start that fails removes the container again', async () => {
    const { ctx, lines } = loggedContext();
    const input = create({
      name: 'never',
      rootfs: 'debian',
      started: true,
      binds: ['/etc:/usr:ro'],
      timeout: 20,
    });
    await assert.rejects(handleContainerCreate(ctx, input, store));
    assert.ok(lines.includes("start failed, removing 'never'"), lines.join('\n'));
    assert.deepEqual(await traces(store.layout, 'never'), []);
  });

  test('a boot that takes too long is left running, and fails', async () => {
    await made('slow', { binds: ['/dev/null:/usr/bin/dbus-daemon'] });
    await execQuietlyMask('slow');
    await assert.rejects(
      handleContainerStart(loggedContext().ctx, { name: 'slow', timeout: 3 }, store),
      isError('container.boot-timeout', /still starting but sdme timed out/),
    );
    assert.equal(await isRunning(store.layout, 'slow'), true);
    await remove('slow');
  });

  /** Masks the bus of a container that has not started, so that its boot never counts as done. */
  async function execQuietlyMask(name: string): Promise<void> {
    const units = `${store.layout.containerDir(name)}/upper/etc/systemd/system`;
    await output('ln', '-sf', '/dev/null', `${units}/dbus.socket`);
  }

  test('a cancelled start stops what it started', async () => {
    await made('cancelled');
    await execQuietlyMask('cancelled');
    const abort = new AbortController();
    const { ctx } = loggedContext(abort.signal);
    const starting = handleContainerStart(ctx, { name: 'cancelled', timeout: 60 }, store);
    await waitFor('the machine', () => isRunning(store.layout, 'cancelled'));
    abort.abort(new SdmeError('job.cancelled', 'cancelled by the test'));
    await assert.rejects(starting, isError('job.cancelled', /by the test/));
    assert.equal(await isRunning(store.layout, 'cancelled'), false);
    await remove('cancelled');
  });

  test('a start that is handed back leaves the boot where it is', async () => {
    await made('handed');
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
    assert.equal((await start('handed')).alreadyRunning, true);
    assert.equal(await leader(), before);
    await remove('handed');
  });

  test('what an attempt that died left of a container is cleared, and the container is made', async () => {
    // A claim and half the layers, as after SIGKILL between the two.
    await output('mkdir', '-p', `${store.layout.containerDir('crashed')}/upper/etc`, store.layout.stateDir);
    writeFileSync(store.layout.stateFile('crashed'), '');
    writeFileSync(`${store.layout.containerDir('crashed')}/upper/etc/junk`, '');
    await made('crashed');
    assert.equal(existsSync(`${store.layout.containerDir('crashed')}/upper/etc/junk`), false);
    await start('crashed');
    await remove('crashed');
  });

  test('a create killed at any moment is made whole by the next attempt', async () => {
    const { dataDir, runtimeDir } = store.layout;
    // From before the claim to after the record: a whole create takes some 100 ms here.
    for (const delayMs of [0, 10, 20, 30, 45, 60, 80, 120, 180]) {
      const args = ['test/host/create-in-child.ts', 'killed', dataDir, runtimeDir];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise((resolve) => child.once('close', resolve));
      await new Promise((resolve) => child.stdout.once('data', resolve));
      await delay(delayMs);
      child.kill('SIGKILL');
      await ended;
      const input = create({ name: 'killed', rootfs: 'debian', enable: true });
      await handleContainerCreate(loggedContext(undefined, 'killed').ctx, input, store);
      assert.match(await output('cat', store.layout.stateFile('killed')), /^NAME=killed$/m);
      assert.equal((await output('systemctl', 'is-enabled', 'sdme@killed.service')).trim(), 'enabled');
      await remove('killed');
    }
  });

  test('the same job finds its own work done; another job finds the name taken', async () => {
    const input = create({ name: 'once', rootfs: 'debian' });
    const job = loggedContext(undefined, 'job-1').ctx;
    await handleContainerCreate(job, input, store);
    const state = readFileSync(store.layout.stateFile('once'), 'utf8');
    await handleContainerCreate(job, input, store);
    assert.equal(readFileSync(store.layout.stateFile('once'), 'utf8'), state);
    await assert.rejects(
      handleContainerCreate(loggedContext(undefined, 'job-2').ctx, input, store),
      isError('exists', /^container already exists: once$/),
    );
    await remove('once');
  });

  test('a cancelled create leaves nothing', async () => {
    const { ctx } = loggedContext(AbortSignal.abort(new SdmeError('job.cancelled', 'no')));
    await assert.rejects(handleContainerCreate(ctx, create({ name: 'gone', rootfs: 'debian' }), store));
    assert.deepEqual(await traces(store.layout, 'gone'), []);
  });

  const refusals: readonly (readonly [Record<string, unknown>, string, RegExp])[] = [
    [{ rootfs: 'nope' }, 'not-found', /^fs not found: .*\/fs\/nope$/],
    [
      { rootfs: 'debian', binds: ['/no/such/path:/x'] },
      'not-found',
      /^bind host path does not exist: \/no\/such\/path$/,
    ],
    [{ rootfs: 'debian', capabilities: ['fly'] }, 'input.invalid', /^unknown capability: fly$/],
    [{ rootfs: 'debian', ociEnvs: ['A=1'] }, 'input.invalid', /^--oci-env requires an OCI app rootfs$/],
  ];
  for (const [input, code, says] of refusals) {
    test(`create is refused with ${code} for ${JSON.stringify(input)}`, async () => {
      const { ctx } = loggedContext();
      await assert.rejects(
        handleContainerCreate(ctx, create({ name: 'refused', ...input }), store),
        isError(code, says),
      );
      assert.deepEqual(await traces(store.layout, 'refused'), []);
    });
  }

  test('an image in /var/lib/machines keeps its name', async () => {
    await output('mkdir', '-p', '/var/lib/machines/ours');
    await assert.rejects(
      made('ours'),
      isError('exists', /^conflicting machine found in \/var\/lib\/machines: ours$/),
    );
    await output('rmdir', '/var/lib/machines/ours');
  });

  test('verbs on a container that is not there say so', async () => {
    const { ctx } = loggedContext();
    const missing = isError('not-found', /^container does not exist: nobody$/);
    await assert.rejects(handleContainerRm(ctx, { name: 'nobody' }, store), missing);
    await assert.rejects(handleContainerStart(ctx, { name: 'nobody', timeout: undefined }, store), missing);
    await assert.rejects(handleContainerStop(ctx, { name: 'nobody', mode: 'kill' }, store), missing);
  });

  test('a container with a damaged record is listed as such and can be removed', async () => {
    await made('damaged');
    writeFileSync(store.layout.stateFile('damaged'), 'nonsense\n');
    const [listed] = (await listContainers(store.layout)).filter(({ name }) => name === 'damaged');
    assert.equal(listed?.health, 'unreadable state file');
    await remove('damaged');
  });

  test("a clone of the host's root boots, without the host's units and without our data", async () => {
    const { ctx } = loggedContext();
    await handleContainerCreate(ctx, create({ name: 'clone', started: true, timeout: 60 }), store);
    assert.match(readFileSync(store.layout.stateFile('clone'), 'utf8'), /^ROOTFS=$/m);
    assert.equal(await execInside('clone', 'hostname'), 'clone\n');
    const units = await execInside('clone', 'ls', '/etc/systemd/system');
    assert.equal(units.includes('sdme@'), false, units);
    assert.equal(await execInside('clone', 'sh', '-c', 'ls -A /var/lib/sdme/* 2>/dev/null || :'), '');
    await remove('clone');
  });

  test('a container in a zone has networkd running, an address, and shows it in ps', async () => {
    await made('zoned', { started: true, networkZone: 'z', timeout: 60 });
    const addresses = await waitFor('an address', async () => {
      const [listed] = (await listContainers(store.layout)).filter(({ name }) => name === 'zoned');
      return listed !== undefined && listed.addresses.length > 0 && listed.addresses;
    });
    assert.ok(addresses.every((address) => !address.startsWith('fe80')));
    await remove('zoned');
  });

  test('a container whose nspawn is killed is started again by systemd when asked to', async () => {
    await made('phoenix', { started: true, restart: 'on-failure' });
    const leader = async (): Promise<string> =>
      output('machinectl', 'show', 'phoenix', '-p', 'Leader', '--value').catch(() => '');
    const first = await leader();
    const main = (
      await output('systemctl', 'show', '-p', 'MainPID', '--value', 'sdme@phoenix.service')
    ).trim();
    process.kill(Number(main), 'SIGKILL');
    await waitFor('another leader', async () => !['', first].includes(await leader()));
    await remove('phoenix');
  });
});
