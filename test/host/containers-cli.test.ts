import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { containerListing } from '../../src/nspawn/read-side.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import {
  type ContainerStore,
  containerStore,
  output,
  outsideTestHost,
  traces,
} from '../helpers/container-host.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('container verbs', { skip: outsideTestHost(), timeout: 200_000 }, () => {
  let store: ContainerStore;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('verbs'));
    const { worker, queue } = embeddedUnitNames(store.layout);
    stack.defer(async () => void (await output('systemctl', 'stop', worker, queue)));
  });
  after(() => stack.disposeAsync());

  /** Runs the command line as a script does: no terminal, and a queue and worker that start by themselves. */
  const sdme = (...args: string[]): Promise<Ended> => ended('./sdme', ...args);
  const ended = (program: string, ...args: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      const env = {
        ...process.env,
        SDME_DATADIR: store.layout.dataDir,
        SDME_RUNDIR: store.layout.runtimeDir,
      };
      execFile(program, args, { env }, (error, stdout, stderr) => {
        resolve({
          code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 255,
          stdout,
          stderr,
        });
      });
    });
  const ok = async (...args: string[]): Promise<Ended> => {
    const ended = await sdme(...args);
    assert.equal(ended.code, 0, `sdme ${args.join(' ')}: ${ended.stderr}`);
    return ended;
  };

  test('results go to standard output and all else to standard error, from create to rm', async () => {
    const created = await ok('create', '--name', 'web', '-r', 'debian', '--started');
    assert.equal(created.stdout, 'web\n');
    assert.match(created.stderr, /^creating 'web'$/m);
    assert.match(created.stderr, /^starting 'web'$/m);

    const ps = await ok('ps');
    assert.match(ps.stdout, /^NAME +STATUS +HEALTH +USERNS +ENABLED +MOUNTS +ADDRESSES +OS\nweb +running +/);
    const [listed] = JSON.parse((await ok('ps', '--json')).stdout);
    assert.equal(containerListing.parse(listed).status, 'running');

    // By a unique beginning of its name; the command's own code and output.
    const ran = await sdme('exec', 'w', '--', 'sh', '-c', 'echo in $(hostname); echo aside >&2; exit 3');
    assert.deepEqual([ran.code, ran.stdout, ran.stderr], [3, 'in web\n', 'aside\n']);
    // Words are the command's own, whatever systemd makes of such in units.
    const words = ['$HOME', `$${'{HOME}'}`, '$$', '%n', 'a  b', '', ';', '@x', '\\x41', 'two\nlines'];
    const unstarted = [
      await sdme('exec', 'web', 'nope'),
      await sdme('exec', 'web', '--user', 'nosuch', 'id'),
    ];
    assert.deepEqual(
      unstarted.map(({ code }) => code),
      [203, 217],
    );
    assert.match(unstarted[0]?.stderr ?? '', /^note: exit code 203 of 'nope': .*is not there, or cannot be/);
    assert.match(unstarted[1]?.stderr ?? '', /^note: exit code 217 of 'id': .*the user is not known there$/m);
    const printed = await ok('exec', 'web', '--', 'printf', '%s|', ...words);
    assert.equal(printed.stdout, words.map((word) => `${word}|`).join(''));
    const script = await ended('sh', '-c', 'echo "hostname; exit 4" | ./sdme join web');
    assert.deepEqual([script.code, script.stdout], [4, 'web\n'], script.stderr);
    const join = "./sdme join web -- sh -c 'tty; exit 3'";
    const joined = await ended('script', '--quiet', '--return', '--command', join, '/dev/null');
    assert.deepEqual([joined.code, /\/dev\/pts\/\d/.test(joined.stdout)], [3, true], joined.stdout);
    assert.match((await ok('logs', 'web', '-n', '5', '--no-pager')).stdout, /sdme-test/);

    const stopped = await ok('stop', 'web');
    assert.equal(stopped.stdout, 'web\n');
    assert.match(stopped.stderr, /^stopping 'web'$/m);
    assert.match((await sdme('exec', 'web', 'true')).stderr, /^Error: container 'web' is not running$/m);

    assert.equal((await ok('start', '--all')).stdout, 'web\n');
    assert.equal((await ok('restart', 'web')).stdout, 'web\n');
    assert.equal((await ok('rm', 'web')).stdout, 'web\n');
    assert.equal((await ok('ps')).stdout, 'no containers found\n');
    assert.deepEqual(await traces(store.layout, 'web'), []);
  });

  test('a container without a name gets one, and it is all that is printed', async () => {
    const { stdout } = await ok('create', '-r', 'debian');
    assert.match(stdout, /^[a-z]+\n$/);
    await ok('rm', stdout.trim());
  });

  test('one failure in a batch of names leaves the others done', async () => {
    await ok('create', '--name', 'one', '-r', 'debian');
    await ok('create', '--name', 'two', '-r', 'debian');
    await output('sh', '-c', `echo nonsense >${store.layout.stateFile('one')}`);
    const started = await sdme('start', 'one', 'two');
    assert.equal(started.code, 1);
    assert.equal(started.stdout, 'two\n');
    assert.match(started.stderr, /^error: one: .*damaged/m);
    assert.match(started.stderr, /some containers could not be started/);
    assert.equal((await ok('rm', '-a', '-f')).stdout, 'one\ntwo\n');
  });
});
