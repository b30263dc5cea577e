import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { type Layout, layoutOf } from '../../src/base/paths.ts';
import { embeddedFiles, readFailure } from '../../src/queue/embedded-files.ts';
import { probeEmbedded } from '../../src/queue/embedded-probe.ts';
import { takeFlock } from '../../src/system/exec/flock.ts';
import { processLives, waitFor } from '../helpers/wait-for.ts';

const entry = join(import.meta.dirname, 'fixtures/supervise-entry.ts');

/** One data and runtime directory, and the supervisors started on it; all ended by pid at the end. */
class Stage implements AsyncDisposable {
  readonly layout: Layout;
  readonly started: { child: ChildProcess; output: () => string }[] = [];

  constructor(directory: string) {
    this.layout = layoutOf(join(directory, 'data'), join(directory, 'run'));
  }

  static async make(): Promise<Stage> {
    const stage = new Stage(await mkdtemp(join(tmpdir(), 'sdme-sup-')));
    await mkdir(stage.layout.dataDir, { recursive: true });
    return stage;
  }

  get workersFile(): string {
    return join(this.layout.dataDir, 'workers');
  }

  /** A worker that notes its pid and then waits; it exits with 0 as soon as the file `idle` exists. */
  get script(): string {
    const { dataDir } = this.layout;
    return `echo $$ >> ${this.workersFile}; while [ ! -e ${dataDir}/idle ]; do sleep 0.02; done`;
  }

  start(script = this.script): { child: ChildProcess; output: () => string } {
    let text = '';
    const child = spawn(process.execPath, [entry, this.layout.dataDir, this.layout.runtimeDir, script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const started = { child, output: () => text };
    this.started.push(started);
    return started;
  }

  async workers(): Promise<number[]> {
    const text = await readFile(this.workersFile, 'utf8').catch(() => '');
    return text.split('\n').filter(Boolean).map(Number);
  }

  worker(index: number): Promise<number> {
    return waitFor(`worker ${index}`, async () => (await this.workers())[index]);
  }

  async serverPid(): Promise<number> {
    const redis = new Redis({ path: this.layout.queueSocket, lazyConnect: true });
    try {
      await redis.connect();
      const pid = /process_id:(\d+)/.exec(await redis.info('server'))?.[1];
      return Number(pid);
    } finally {
      redis.disconnect();
    }
  }

  ready(): Promise<true> {
    return waitFor('the queue', async () => (await probeEmbedded(this.layout.queueSocket)) === 'ready');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.started) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
    }
    await rm(join(this.layout.dataDir, '..'), { recursive: true, force: true });
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

test('the embedded queue is private and keeps what it acknowledged', async () => {
  await using stage = await Stage.make();
  stage.start();
  await stage.worker(0);
  assert.equal((await stat(stage.layout.queueSocket)).mode & 0o777, 0o600);
  assert.equal((await stat(stage.layout.queueDir)).mode & 0o777, 0o700);
  assert.equal((await stat(stage.layout.runtimeDir)).mode & 0o777, 0o700);
  const redis = new Redis({ path: stage.layout.queueSocket });
  try {
    const config = async (name: string): Promise<unknown> => redis.config('GET', name);
    assert.deepEqual(await config('port'), ['port', '0']);
    assert.deepEqual(await config('appendonly'), ['appendonly', 'yes']);
    assert.deepEqual(await config('appendfsync'), ['appendfsync', 'always']);
    assert.deepEqual(await config('maxmemory-policy'), ['maxmemory-policy', 'noeviction']);
  } finally {
    redis.disconnect();
  }
});

test('a worker killed with SIGKILL is started again within two seconds', async () => {
  await using stage = await Stage.make();
  stage.start();
  const first = await stage.worker(0);
  const killedAt = Date.now();
  process.kill(first, 'SIGKILL');
  await stage.worker(1);
  assert.ok(Date.now() - killedAt < 2_000, `took ${Date.now() - killedAt} ms`);
});

test('a server killed with SIGKILL comes back with its data, and the worker stays', async () => {
  await using stage = await Stage.make();
  stage.start();
  await stage.worker(0);
  const redis = new Redis({ path: stage.layout.queueSocket, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  try {
    await redis.set('kept', 'yes');
    process.kill(await stage.serverPid(), 'SIGKILL');
    await waitFor('the end of the old server', async () => redis.status !== 'ready');
    await stage.ready();
    assert.equal(await redis.get('kept'), 'yes');
  } finally {
    redis.disconnect();
  }
  assert.equal((await stage.workers()).length, 1);
});

test('the idle end leaves no process and no socket', async () => {
  await using stage = await Stage.make();
  const { child, output } = stage.start();
  const worker = await stage.worker(0);
  const server = await stage.serverPid();
  await writeFile(join(stage.layout.dataDir, 'idle'), '');
  await once(child, 'exit');
  assert.match(output(), /end: idle/);
  assert.equal(await processLives(worker), false);
  assert.equal(await processLives(server), false);
  assert.equal(await exists(stage.layout.queueSocket), false);
});

test('a worker that says it is idle is started again while the queue holds work', async () => {
  await using stage = await Stage.make();
  const { child, output } = stage.start();
  await stage.worker(0);
  await writeFile(join(stage.layout.dataDir, 'work'), '');
  await writeFile(join(stage.layout.dataDir, 'idle'), '');
  await stage.worker(1);
  assert.equal(await probeEmbedded(stage.layout.queueSocket), 'ready');
  await rm(join(stage.layout.dataDir, 'work'));
  await once(child, 'exit');
  assert.match(output(), /end: idle/);
});

test('the idle end waits for a submit that is under way, and then sees its job', async () => {
  await using stage = await Stage.make();
  const { child } = stage.start();
  await stage.worker(0);
  const submitting = await takeFlock(embeddedFiles(stage.layout).submitLock, 'shared', 0);
  assert.ok(submitting);
  await writeFile(join(stage.layout.dataDir, 'idle'), '');
  await waitFor('the end of the worker', async () => !(await processLives(await stage.worker(0))));
  await writeFile(join(stage.layout.dataDir, 'work'), '');
  await submitting.release();
  await stage.worker(1);
  assert.equal(child.exitCode, null);
});

test('when the supervisor is killed nothing lingers, and the next one serves again', async () => {
  await using stage = await Stage.make();
  const { child } = stage.start();
  const worker = await stage.worker(0);
  const server = await stage.serverPid();
  child.kill('SIGKILL');
  await waitFor('the end of the worker', async () => !(await processLives(worker)));
  await waitFor('the end of the server', async () => !(await processLives(server)));
  stage.start();
  await stage.worker(1);
  await stage.ready();
});

test('of two supervisors started at once one serves and the other ends', async () => {
  await using stage = await Stage.make();
  const both = [stage.start(), stage.start()];
  await stage.worker(0);
  const lost = await waitFor('the end of one', () => both.find(({ child }) => child.exitCode !== null));
  await waitFor('its last line', () => /end: lost/.test(lost.output()));
  await stage.ready();
  assert.equal((await stage.workers()).length, 1);
});

test('a worker that never starts is given up with a reason that can be read', async () => {
  await using stage = await Stage.make();
  const { child, output } = stage.start(`echo $$ >> ${stage.workersFile}; exit 7`);
  await once(child, 'exit');
  assert.match(output(), /end: gave-up/);
  assert.match((await readFailure(stage.layout)) ?? '', /the worker does not start \(exit code 7\)/);
  assert.equal((await stage.workers()).length, 8);
  assert.equal(await exists(stage.layout.queueSocket), false);
});

test('SIGTERM ends the worker before the server', async () => {
  await using stage = await Stage.make();
  const socket = stage.layout.queueSocket;
  const note = join(stage.layout.dataDir, 'note');
  const { child, output } = stage.start(
    `trap 'test -S ${socket} && echo alive > ${note}; exit 0' TERM; ${stage.script}`,
  );
  await stage.worker(0);
  child.kill('SIGTERM');
  await once(child, 'exit');
  assert.match(output(), /end: stopped/);
  assert.equal((await readFile(note, 'utf8')).trim(), 'alive');
  assert.equal(await exists(socket), false);
});
