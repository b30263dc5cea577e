import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { contracts, type InputOf } from '../../src/contracts/index.ts';
import {
  type ContainerStore,
  containerStore,
  loggedContext,
  output,
  outsideTestHost,
  traces,
} from '../helpers/container-host.ts';
import { type Containers, containersOf } from '../helpers/containers.ts';
import { isError } from '../helpers/is-error.ts';

const create = (input: Record<string, unknown>): InputOf<'container.create'> =>
  contracts['container.create'].input.parse(input);

describe('the creation of a container', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('creation'));
    containers = stack.use(containersOf(store));
  });
  after(() => stack.disposeAsync());

  test('what an attempt that died left of a container is cleared, and the container is made', async () => {
    // A claim and half the layers, as after SIGKILL between the two.
    await output('mkdir', '-p', `${store.layout.containerDir('crashed')}/upper/etc`, store.layout.stateDir);
    writeFileSync(store.layout.stateFile('crashed'), '');
    writeFileSync(`${store.layout.containerDir('crashed')}/upper/etc/junk`, '');
    await containers.create('crashed');
    assert.equal(existsSync(`${store.layout.containerDir('crashed')}/upper/etc/junk`), false);
    await containers.start('crashed');
    await containers.remove('crashed');
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
      await containers.remove('killed');
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
    await containers.remove('once');
  });

  test('a cancelled create leaves nothing', async () => {
    const { ctx } = loggedContext(AbortSignal.abort(new SdmeError('job.cancelled', 'no')));
    await assert.rejects(handleContainerCreate(ctx, create({ name: 'gone', rootfs: 'debian' }), store));
    assert.deepEqual(await traces(store.layout, 'gone'), []);
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
      containers.create('ours'),
      isError('exists', /^conflicting machine found in \/var\/lib\/machines: ours$/),
    );
    await output('rmdir', '/var/lib/machines/ours');
  });
});
