import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { jobRecord } from '../../src/contracts/index.ts';
import { containerListing } from '../../src/nspawn/read-side.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import {
  type ContainerStore,
  containerStore,
  output,
  outsideTestHost,
  traces,
} from '../helpers/container-host.ts';
import { debianImage } from '../helpers/debian-image.ts';
import { type SdmeProgram, sdmeProgram } from '../helpers/sdme-program.ts';
import { type StalledServer, stalledServer } from '../helpers/stalled-server.ts';
import { waitFor } from '../helpers/wait-for.ts';

describe('the command line when something is in its way', {
  skip: outsideTestHost(),
  timeout: 240_000,
}, () => {
  const stack = new AsyncDisposableStack();
  let store: ContainerStore;
  let sdme: SdmeProgram;
  let slow: StalledServer;
  before(async () => {
    store = stack.use(await containerStore('faults'));
    const { worker, queue } = embeddedUnitNames(store.layout);
    stack.defer(async () => void (await output('systemctl', 'stop', worker, queue)));
    slow = stack.use(await stalledServer());
    sdme = sdmeProgram(store.layout);
  });
  after(() => stack.disposeAsync());

  const newest = async (): Promise<ReturnType<typeof jobRecord.parse>> =>
    jobRecord.parse(JSON.parse(await sdme.ok('job', 'ls', '--limit', '1', '--json'))[0]);
  const begun = (name: string): Promise<unknown> =>
    waitFor(`the download of ${name}`, async () => {
      const job = await newest();
      return job.subject === name && job.progress.items.some(({ done }) => done > 0);
    });
  /** Staging of imports, and processes that unpack. */
  const leftovers = async (): Promise<string[]> => {
    const staged = readdirSync(store.layout.fsDir).filter((name) => name.includes('-txn-'));
    const processes = (await output('ps', '-eo', 'args')).split('\n');
    return [...staged, ...processes.filter((line) => line.includes('rootfs/unpack/child'))];
  };
  const shell = async (script: string): Promise<string> => {
    const env = {
      ...process.env,
      SDME_DATADIR: store.layout.dataDir,
      SDME_RUNDIR: store.layout.runtimeDir,
    };
    const child = spawn('bash', ['-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return out + err;
  };

  test('a background job of a shell, which has SIGINT ignored, is ended by SIGINT', async () => {
    const url = slow.url('shelled.tar');
    const ended = shell(`./sdme fs import ${url} & pid=$!
      while ! ./sdme job ls --state running | grep -q shelled; do sleep 0.1; done
      kill -INT $pid; wait $pid; echo "code $?"`);
    assert.match(await ended, new RegExp(`^code ${exitCodes.interrupted.code}$`, 'm'));
    assert.equal((await newest()).state, 'cancelled');
    assert.deepEqual(await leftovers(), []);
  });

  test('a command that is killed leaves its job to go on', async () => {
    const call = sdme.start(['fs', 'import', slow.url('killed.tar')]);
    await begun('killed');
    call.signal('SIGKILL');
    await assert.rejects(call.ended, /ended by SIGKILL/);
    const { id, state } = await newest();
    assert.equal(state, 'running');
    assert.deepEqual((await sdme.run('job', 'cancel', id)).stdout, `${id} cancelled\n`);
    assert.deepEqual(await leftovers(), []);
  });

  test('a queue that does not answer holds up neither the second Ctrl-C nor what comes after', async () => {
    const { queue } = embeddedUnitNames(store.layout);
    const call = sdme.start(['fs', 'import', slow.url('held.tar')]);
    await begun('held');
    await output('systemctl', 'kill', '--signal', 'STOP', queue);
    try {
      call.signal('SIGINT');
      await call.says(/^cancelling job /m);
      call.signal('SIGINT');
      const ended = await call.ended;
      assert.equal(ended.code, exitCodes.interrupted.code);
      assert.match(ended.stderr, /^not waiting any longer; job [0-9A-Z]{26} is being cancelled$/m);
    } finally {
      await output('systemctl', 'kill', '--signal', 'CONT', queue);
    }
    const { id } = await newest();
    // The wish may have reached the queue before the process ended; if not, it is asked for again.
    await sdme.run('job', 'cancel', id);
    assert.equal((await sdme.run('job', 'wait', id)).code, exitCodes.failure.code);
    assert.deepEqual(await leftovers(), []);
  });

  test('the death of the server of the queue is noticed by no running job, and by no command', async () => {
    const { worker, queue } = embeddedUnitNames(store.layout);
    const pid = async (unit: string): Promise<number> =>
      Number(await output('systemctl', 'show', '-P', 'MainPID', unit));
    const call = sdme.start(['fs', 'import', slow.url('outlasting.tar')]);
    await begun('outlasting');
    const runs = await pid(worker);
    // More often than systemd starts a unit within its usual limits.
    for (let i = 0; i < 7; i += 1) {
      process.kill(await pid(queue), 'SIGKILL');
      assert.match(await sdme.ok('job', 'ls', '--limit', '1'), / outlasting$/m);
    }
    const { id, state, attempt, crashes } = await newest();
    assert.deepEqual([state, attempt, crashes, await pid(worker)], ['running', 1, 0, runs]);
    assert.deepEqual((await sdme.run('job', 'cancel', id)).stdout, `${id} cancelled\n`);
    assert.equal((await call.ended).code, exitCodes.failure.code);
    assert.deepEqual(await leftovers(), []);
  });

  test('a reader that goes away is no failure of a listing', async () => {
    assert.equal(await shell('./sdme job ls --json-pretty | head -c 1 >/dev/null; echo $PIPESTATUS'), '0\n');
    assert.equal(await shell('./sdme ps | head -0; echo $PIPESTATUS'), '0\n');
  });

  test('a batch that goes on is left alone by a time limit, and batch cancel takes all of it away', async () => {
    const file = `- {source: '${slow.url('a.tar')}', name: slow-a}\n- {source: '${slow.url('b.tar')}', name: slow-b}\n`;
    const batch = (await sdme.start(['batch', 'submit', '-'], file).ended).stdout.trim();
    assert.equal((await sdme.run('batch', 'wait', batch, '--timeout', '100ms')).code, exitCodes.timeout.code);
    assert.match(await sdme.ok('batch', 'cancel', batch), /^2 jobs: 2 cancelled/);
    assert.equal((await sdme.run('batch', 'wait', batch)).code, exitCodes.noneSucceeded.code);
    const again = await sdme.start(['batch', 'submit', '-'], file).ended;
    const retry = `sdme batch retry ${batch} --cancelled`;
    assert.ok(again.stderr.endsWith(`\n2 cancelled; to run these again: ${retry}\n`), again.stderr);
    assert.equal(await sdme.ok(...retry.split(' ').slice(1)), '2 job(s) submitted again');
    assert.match(await sdme.ok('batch', 'cancel', batch), /^2 jobs: 2 cancelled/);
    assert.deepEqual(await leftovers(), []);
  });

  test('a umask that hides files from others is refused before anything is made', async () => {
    const said = await shell('umask 077; ./sdme create -r debian; echo "code $?"');
    assert.match(said, /^code 1$/m);
    assert.match(said, /^Error: current umask \(0077\) strips read\/execute from 'other'/m);
    assert.equal(await sdme.ok('ps'), 'no containers found');
  });

  test('who is not root is told to be, but for help and completion', async () => {
    const nobody = 'setpriv --reuid 65534 --regid 65534 --clear-groups';
    assert.match(
      await shell(`${nobody} ./sdme ps; echo $?`),
      /Error: sdme requires root privileges; run with sudo/,
    );
    assert.match(await shell(`${nobody} ./sdme config completions bash`), /^# bash completion/);
    assert.match(await shell(`${nobody} ./sdme ps --help`), /^Usage: sdme ps /);
  });

  test('a directory becomes a rootfs; its container is joined, limited, enabled, restarted and removed', async () => {
    const { root } = await debianImage();
    assert.equal(await sdme.ok('fs', 'import', root, '--name', 'tree'), 'tree');
    assert.equal(await sdme.ok('create', 'joined', '-r', 'tree'), 'joined');
    const stopped = await sdme.run('join', 'joined', 'true');
    assert.deepEqual(
      [stopped.code, stopped.stderr],
      [1, "Error: container 'joined' is not running (use --start to start it)\n"],
    );
    // Standard output is no terminal, so the command's own streams and code are passed through.
    const joined = await sdme.run('join', 'joi', '--start', '--', 'sh', '-c', 'hostname; exit 4');
    assert.deepEqual([joined.code, joined.stdout], [4, 'joined\n']);
    assert.match(joined.stderr, /^starting 'joined'$/m);
    assert.match(joined.stderr, /^joining 'joined'$/m);

    const limited = await sdme.run('set', 'joined', '--memory', '1g', '--cpus', '2');
    assert.deepEqual([limited.code, limited.stdout], [0, 'joined\n']);
    assert.match(limited.stderr, /^note: container 'joined' is running; restart for limits to take effect$/m);
    assert.equal(await sdme.ok('enable', 'joined'), 'joined');
    assert.equal(await sdme.ok('restart', 'joined', '--term'), 'joined');
    const show = (): Promise<string> => output('systemctl', 'show', '-P', 'MemoryMax', 'sdme@joined.service');
    assert.equal(await show(), `${1024 ** 3}\n`);
    const [listed] = JSON.parse(await sdme.ok('ps', '--json'));
    const keys = Object.keys(containerListing.shape);
    assert.deepEqual(Object.keys(listed), keys);
    assert.deepEqual(
      [listed.enabled, listed.rootfs, listed.limits],
      [true, 'tree', { memory: '1G', cpus: '2', cpu_weight: null, disk: null }],
    );
    assert.equal(await sdme.ok('disable', 'joined'), 'joined');
    assert.equal(await sdme.ok('set', 'joined'), 'joined');
    assert.equal(JSON.parse(await sdme.ok('ps', '--json'))[0].limits.memory, null);
    assert.match(await sdme.ok('ps'), /^joined +running +\S+ +no +no +no +- +Debian GNU\/Linux/m);

    const kept = await sdme.run('rm', '--all');
    assert.deepEqual([kept.code, kept.stdout], [1, '']);
    assert.match(kept.stderr, /^Error: use -f to confirm removal in non-interactive mode$/m);
    const removed = await sdme.run('rm', '--all', '-f');
    assert.deepEqual([removed.code, removed.stdout], [0, 'joined\n']);
    assert.equal(await sdme.ok('fs', 'rm', 'tree'), 'tree');
    assert.deepEqual(await traces(store.layout, 'joined'), []);
    assert.deepEqual(await leftovers(), []);
  });

  test('a new container that a Ctrl-C meets while it boots is not kept', async () => {
    const call = sdme.start(['new', 'brief', '-r', 'debian', '--', 'true']);
    await call.says(/^starting 'brief'$/m);
    call.signal('SIGINT');
    const ended = await call.ended;
    assert.deepEqual([ended.code, ended.stdout], [exitCodes.interrupted.code, '']);
    assert.equal(await sdme.ok('ps'), 'no containers found');
    assert.deepEqual(await traces(store.layout, 'brief'), []);
  });
});
