import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createClient, type LocalPrograms, parseSettings } from '../../src/producer/index.ts';
import { openLocalKeeper } from '../../src/producer/local-keeper.ts';
import { embeddedFiles } from '../../src/queue/embedded-files.ts';
import { takeFlock } from '../../src/system/exec/flock.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { answers, type LocalStage, openLocalStage } from './fixtures/local-stage.ts';

const run = promisify(execFile);
const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);

/** Programs with a shell script as the worker, which names the stage's directory so that it is found. */
const programsOf = (
  stage: LocalStage,
  script = `while sleep 1; do : ${stage.layout.dataDir}; done`,
): LocalPrograms => ({
  supervisor: [
    process.execPath,
    fixture('supervise-entry.ts'),
    stage.layout.dataDir,
    stage.layout.runtimeDir,
    script,
  ],
  worker: ['/bin/sh', '-c', script],
});

test('a question where no job ever was starts nothing and makes nothing', async () => {
  await using stage = await openLocalStage();
  const client = await stage.client();
  assert.deepEqual(await client.list(), []);
  await assert.rejects(client.show('01J00000000000000000000000'), { code: 'not-found' });
  await assert.rejects(client.batch.status(`b-${'0'.repeat(26)}`), { code: 'not-found' });
  assert.deepEqual(await readdir(stage.layout.dataDir), []);
  await assert.rejects(access(stage.layout.runtimeDir));
});

test('a submit starts queue and worker, and the next client finds them fast', async (t) => {
  await using stage = await openLocalStage();
  const programs = programsOf(stage);
  const cold = performance.now();
  const { id } = await (await stage.client({ programs })).submit('host.ping', {});
  t.diagnostic(`first submit, with the start of all: ${Math.round(performance.now() - cold)} ms`);
  await waitFor('the worker', async () => (await stage.pids('worker')).length === 1);
  const second = await stage.client({ programs });
  const warm = performance.now();
  assert.equal((await second.show(id)).state, 'queued');
  const warmMs = performance.now() - warm;
  t.diagnostic(`first question of a second client: ${warmMs.toFixed(1)} ms`);
  assert.ok(warmMs < 250, `${warmMs} ms`);
  assert.equal((await stage.pids('supervisor')).length, 1);
});

test('callers that start at once get one supervisor, one server, one worker, and all their jobs', async () => {
  await using stage = await openLocalStage();
  const programs = JSON.stringify(programsOf(stage));
  const args = [fixture('submit-ping.ts'), stage.configFile, programs];
  const outputs = await Promise.all([1, 2, 3].map(() => run(process.execPath, args)));
  const ids = outputs.map(({ stdout }) => stdout.trim());
  assert.equal(new Set(ids).size, 3);
  await waitFor('the losers to be gone', async () => (await stage.pids('supervisor')).length === 1);
  assert.equal((await stage.pids('server')).length, 1);
  await waitFor('the worker', async () => (await stage.pids('worker')).length === 1);
  const client = await stage.client({ programs: programsOf(stage) });
  assert.deepEqual((await client.list()).map(({ id }) => id).sort(), [...ids].sort());
});

test('who waits starts everything again when the supervisor was killed', async () => {
  await using stage = await openLocalStage();
  const client = await stage.client({ programs: programsOf(stage) });
  const { id } = await client.submit('host.ping', {});
  const stop = new AbortController();
  const waiting = client.wait(id, { signal: stop.signal });
  waiting.catch(() => {});
  const [first] = await waitFor('the supervisor', async () => {
    const pids = await stage.pids('supervisor');
    return (await stage.pids('worker')).length === 1 ? pids : undefined;
  });
  assert.ok(first !== undefined);
  process.kill(first, 'SIGKILL');
  const [second] = await waitFor(
    'a new supervisor',
    async () => {
      const pids = (await stage.pids('supervisor')).filter((pid) => pid !== first);
      return pids.length === 1 && (await answers(stage.layout)) ? pids : undefined;
      // Sooner than the command that is kept back meanwhile gives up.
    },
    8_000,
  );
  assert.notEqual(second, first);
  await waitFor('a new worker', async () => (await stage.pids('worker')).length === 1);
  assert.equal((await client.show(id)).state, 'queued');
  stop.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
});

test('who waits is told why the worker does not start', async () => {
  await using stage = await openLocalStage();
  const client = await stage.client({ programs: programsOf(stage, 'exit 7') });
  const { id } = await client.submit('host.ping', {});
  await assert.rejects(client.wait(id), {
    code: 'worker.unavailable',
    message: /the worker does not start \(exit code 7\); see .*supervisor\.log/,
  });
});

test('a runtime directory too deep for a socket is refused with what to do', async () => {
  await using stage = await openLocalStage();
  const deep = `/tmp/${'d'.repeat(100)}`;
  const client = await createClient(parseSettings({ datadir: stage.layout.dataDir, rundir: deep }, 'test'), {
    environment: {},
  });
  await assert.rejects(client.submit('host.ping', {}), {
    code: 'config.invalid',
    message: /choose a shorter rundir/,
  });
  await client.close();
});

test('while work needs the queue nobody can decide that it is idle, and afterwards somebody can', async () => {
  await using stage = await openLocalStage();
  const keeper = openLocalKeeper({
    settings: stage.settings,
    configFile: stage.configFile,
    environment: {},
    programs: programsOf(stage),
  });
  const { submitLock } = embeddedFiles(stage.layout);
  const { promise: finish, resolve } = Promise.withResolvers<void>();
  const first = keeper.hold(() => finish);
  const second = await keeper.hold(async () => answers(stage.layout));
  assert.equal(second, true);
  assert.equal(await takeFlock(submitLock, 'exclusive', 0), undefined);
  await keeper.close();
  assert.equal(await takeFlock(submitLock, 'exclusive', 0), undefined, 'the first still needs it');
  resolve();
  await first;
  const idle = await takeFlock(submitLock, 'exclusive', 0);
  assert.ok(idle !== undefined);
  await idle.release();
});
