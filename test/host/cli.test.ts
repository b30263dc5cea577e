import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { batchStatus, jobRecord } from '../../src/contracts/index.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import {
  type ContainerStore,
  containerStore,
  output,
  outsideTestHost,
  traces,
} from '../helpers/container-host.ts';
import { debianImage, pushLayout } from '../helpers/debian-image.ts';
import { startDockerRegistry } from '../helpers/docker-registry.ts';
import { type SdmeProgram, sdmeProgram } from '../helpers/sdme-program.ts';
import { type StalledServer, stalledServer } from '../helpers/stalled-server.ts';
import { waitFor } from '../helpers/wait-for.ts';

describe('the command line', { skip: outsideTestHost(), timeout: 400_000 }, () => {
  const stack = new AsyncDisposableStack();
  let store: ContainerStore;
  let sdme: SdmeProgram;
  let slow: StalledServer;
  before(async () => {
    store = stack.use(await containerStore('cli'));
    const { worker, queue } = embeddedUnitNames(store.layout);
    stack.defer(async () => void (await output('systemctl', 'stop', worker, queue)));
    slow = stack.use(await stalledServer());
    sdme = sdmeProgram(store.layout);
  });
  after(() => stack.disposeAsync());

  const stateOf = async (id: string): Promise<string> =>
    jobRecord.parse(JSON.parse(await sdme.ok('job', 'show', id, '--json'))).state;

  test('an image goes from a registry to a container that boots, works, stops, and is gone', async () => {
    await using registry = await startDockerRegistry();
    await pushLayout((await debianImage()).layout, 'trixie', registry.host, 'library/trixie:13');
    const imported = await sdme.run('fs', 'import', `${registry.host}/library/trixie:13`);
    assert.deepEqual([imported.code, imported.stdout], [0, 'trixie\n'], imported.stderr);
    assert.match(imported.stderr, /^importing 'trixie'$/m);
    assert.match(imported.stderr, /^OCI image: base OS$/m);
    assert.match(await sdme.ok('fs', 'ls'), /^trixie +Debian GNU\/Linux/m);
    assert.match(await sdme.ok('fs', 'cache', 'info'), /^blobs = [1-9]/m);

    assert.equal(await sdme.ok('create', 'real', '-r', 'trixie'), 'real');
    assert.equal(await sdme.ok('start', 'real'), 'real');
    assert.match(await sdme.ok('exec', 'real', 'cat', '/etc/os-release'), /^ID=debian$/m);
    assert.match(
      (await sdme.run('fs', 'rm', 'trixie')).stderr,
      /^error: trixie: fs 'trixie' is in use by container 'real'$/m,
    );
    assert.equal(await sdme.ok('stop', 'real'), 'real');
    assert.equal(await sdme.ok('rm', 'real'), 'real');
    assert.equal(await sdme.ok('fs', 'rm', 'trixie'), 'trixie');
    assert.match(await sdme.ok('fs', 'cache', 'clean', '--all'), /^freed /);
    assert.deepEqual(await traces(store.layout, 'real'), []);
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    test(`${signal} on an import cancels its job, waits for the proof, and ends with ${code}`, async () => {
      const call = sdme.start(['fs', 'import', slow.url(`${signal.toLowerCase()}.tar`)]);
      await call.says(/^ {2}\S/m);
      call.signal(signal);
      const ended = await call.ended;
      assert.deepEqual([ended.code, ended.stdout], [code, '']);
      const id = /^cancelling job (\S+)$/m.exec(ended.stderr)?.[1] ?? '';
      assert.match(ended.stderr, /cancelled on request.*interrupted, exiting$/m);
      assert.equal(await stateOf(id), 'cancelled');
      const left = await output(
        'find',
        store.layout.fsDir,
        '-maxdepth',
        '1',
        '-name',
        `*${signal.toLowerCase()}*`,
      );
      assert.equal(left, '');
    });
  }

  test('--detach prints the id at once; job verbs list, show, follow, cancel and retry it', async () => {
    const id = await sdme.ok('fs', 'import', slow.url('detached.tar'), '--detach');
    await waitFor('the job to run', async () => (await stateOf(id)) === 'running');
    assert.match(
      await sdme.ok('job', 'ls', '--state', 'running'),
      new RegExp(`^${id} +fs\\.import +running .*detached$`, 'm'),
    );
    const late = await sdme.run('job', 'wait', id, '--timeout', '200ms');
    assert.deepEqual([late.code, late.stdout], [124, '']);
    const watching = sdme.start(['job', 'watch', id.slice(-8)]);
    await watching.says(/^ {2}\S/m);
    const cancelled = await sdme.run('job', 'cancel', id);
    assert.deepEqual([cancelled.code, cancelled.stdout], [0, `${id} cancelled\n`]);
    assert.deepEqual((({ code, stdout }) => [code, stdout])(await watching.ended), [1, `${id} cancelled\n`]);
    assert.equal((await sdme.run('job', 'wait', id)).code, 1);
    const again = await sdme.ok('job', 'retry', id, '--detach');
    assert.notEqual(again, id);
    assert.equal((await sdme.run('job', 'cancel', again)).code, 0);
  });

  test('a batch is checked, planned, submitted once, waited for, and run again where it failed', async () => {
    const { root, layout } = await debianImage();
    const file = `${store.layout.dataDir}/batch.yaml`;
    const missing = `${store.layout.dataDir}/later`;
    await writeFile(file, `- ${root}\n- {source: ${layout}, name: Second}\n`);
    const refused = await sdme.run('batch', 'submit', file);
    assert.deepEqual([refused.code, refused.stdout], [1, '']);
    assert.match(refused.stderr, /line 2: name must start with a lowercase letter/);

    await writeFile(file, `- {source: ${root}, name: first}\n- {source: ${missing}, name: second}\n`);
    const planned = await sdme.run('batch', 'submit', file, '--plan');
    assert.match(planned.stdout, /^sources = 2$/m);
    assert.match(planned.stdout, /^error: .*later: source path does not exist/m);
    assert.equal(await sdme.ok('fs', 'ls').then((listed) => /^first /m.test(listed)), false);

    const id = await sdme.ok('batch', 'submit', file);
    assert.equal(await sdme.ok('batch', 'submit', file), id);
    const waited = await sdme.run('batch', 'wait', id, '--timeout', '2m');
    assert.equal(waited.code, 3, waited.stderr);
    assert.match(waited.stdout, /^2 jobs: 1 succeeded, 1 failed/);
    assert.match(waited.stdout, /source path does not exist/);

    await output('ln', '-s', layout, missing);
    assert.equal(await sdme.ok('batch', 'retry', id, '--failed'), '1 job(s) submitted again');
    assert.equal((await sdme.run('batch', 'wait', id)).code, 0);
    const status = batchStatus.parse(JSON.parse(await sdme.ok('batch', 'status', id, '--json')));
    assert.deepEqual([status.total, status.states.succeeded, status.failures], [2, 2, []]);
    assert.equal(await sdme.ok('fs', 'rm', 'first', 'second'), 'first\nsecond');
  });

  test('a batch shows its bytes while it runs, and is cancelled as one without a trace', async () => {
    const file = `${store.layout.dataDir}/slow.txt`;
    await writeFile(file, ['one', 'two', 'three'].map((name) => slow.url(`slow-${name}.tar\n`)).join(''));
    const planned = await sdme.run('batch', 'submit', file, '--plan');
    assert.match(planned.stdout, /^to fetch = 3G$/m);
    const id = await sdme.ok('batch', 'submit', file);
    const look = async () => batchStatus.parse(JSON.parse(await sdme.ok('batch', 'status', id, '--json')));
    await waitFor('bytes of a download', async () => (await look()).bytesDone >= 64 * 1024);
    assert.ok((await look()).bytesTotal >= 2 ** 30);
    const watching = sdme.start(['batch', 'status', id, '--watch']);
    await watching.says(/^3 jobs: .*running/m);
    assert.match(await sdme.ok('batch', 'cancel', id), /^3 jobs: 3 cancelled/);
    assert.equal((await watching.ended).code, 0);
    assert.equal((await sdme.run('batch', 'wait', id)).code, 4);
    assert.equal(await output('find', store.layout.fsDir, '-maxdepth', '1', '-name', '*slow*'), '');
  });

  test('on a terminal an import draws bars, takes them away, and leaves the cursor', async () => {
    const { tarball } = await debianImage();
    const env = `SDME_DATADIR=${store.layout.dataDir} SDME_RUNDIR=${store.layout.runtimeDir} TERM=xterm`;
    const line = `stty cols 90 rows 30; ${env} ./sdme fs import ${tarball} --name drawn`;
    const shown = await output('script', '--quiet', '--return', '--command', line, '/dev/null');
    assert.match(shown, /fs\.import drawn: /);
    assert.match(shown, /\[#*\.*\] /);
    // Nothing is drawn once the cursor is back; then only the result comes.
    assert.ok(shown.endsWith('\u001b[0J\u001b[?25hdrawn\r\n'), JSON.stringify(shown.slice(-200)));
    await sdme.ok('fs', 'rm', 'drawn');
  });

  test('completion names rootfs, and jobs of a queue that runs', async () => {
    assert.match(await sdme.ok('__complete', '--', 'create', '-r', 'de'), /^debian\trootfs$/m);
    const id = await sdme.ok('fs', 'gc', '--detach');
    assert.match(await sdme.ok('__complete', '--', 'job', 'wait', ''), new RegExp(`^${id}\t`, 'm'));
    await sdme.ok('job', 'wait', id);
  });

  test('new removes its container when the command fails, and passes its exit code on', async () => {
    const failed = await sdme.run('new', 'brief', '-r', 'debian', '--', 'sh', '-c', 'echo inside; exit 7');
    assert.deepEqual([failed.code, failed.stdout], [7, 'inside\n'], failed.stderr);
    assert.match(failed.stderr, /^joining 'brief'$/m);
    assert.match(failed.stderr, /^join failed \(exit code 7\), removing 'brief'$/m);
    assert.deepEqual(await traces(store.layout, 'brief'), []);
  });

  test('exec passes bytes through in both directions, and flags behind the name are its own', async () => {
    await sdme.ok('create', 'pipe', '-r', 'debian', '--started');
    const call = sdme.start(
      ['exec', 'pipe', '--user', 'nobody', '--', 'sh', '-c', 'id -un; cat'],
      'a\0b\xff',
    );
    assert.deepEqual((({ code, stdout }) => [code, stdout])(await call.ended), [0, 'nobody\na\0b\xff']);
    await sdme.ok('rm', 'pipe');
  });
});
