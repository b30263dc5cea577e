import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleUidPreshift } from '../../jobs/uid-preshift.ts';
import type { ChildRunner } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { contracts, jobRecord } from '../../src/contracts/index.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { pickedUidBase } from '../../src/security/uid-ranges.ts';
import { takeLock } from '../../src/system/fs/locks.ts';
import {
  type ContainerStore,
  containerStore,
  loggedContext,
  output,
  outsideTestHost,
  traces,
} from '../helpers/container-host.ts';
import { type SdmeProgram, sdmeProgram } from '../helpers/sdme-program.ts';
import { waitFor } from '../helpers/wait-for.ts';

const jobs = z.array(z.looseObject({ id: z.string(), kind: z.string(), state: z.string() }));

/** The worker is told to give files away, as it would where the kernel or the file system cannot map mounts. */
describe('user namespaces by giving files away', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  let store: ContainerStore;
  let sdme: SdmeProgram;
  let worker: string;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('preshift'));
    const config = join(store.layout.dataDir, 'sdme.conf');
    writeFileSync(config, 'userns_mapping = "shift"\n');
    const units = embeddedUnitNames(store.layout);
    worker = units.worker;
    stack.defer(async () => void (await output('systemctl', 'stop', units.worker, units.queue)));
    sdme = sdmeProgram(store.layout, { SDME_CONFIG: config });
    stack.defer(async () => void (await sdme.run('rm', '--all', '--force')));
  });
  after(() => stack.disposeAsync());

  const jobsOf = async (kind: string): Promise<z.infer<typeof jobs>> =>
    jobs.parse(JSON.parse(await sdme.ok('job', 'ls', '--json'))).filter((job) => job.kind === kind);
  const inUpper = (name: string, path: string): string =>
    join(store.layout.containerDir(name), 'upper', path);
  const reached = (name: string): boolean =>
    lstatSync(inUpper(name, 'usr/bin'), { throwIfNoEntry: false }) !== undefined;
  const baseOf = (name: string): number =>
    Number(/^USERNS_SHIFT=(\d+)$/m.exec(readFileSync(store.layout.stateFile(name), 'utf8'))?.[1]);
  const checkOwners = (name: string, base = pickedUidBase(name)): void => {
    for (const path of ['', 'usr/bin/passwd', 'etc/hostname', 'var/log']) {
      assert.equal(lstatSync(inUpper(name, path)).uid, base, path);
    }
    assert.equal((lstatSync(inUpper(name, 'usr/bin/passwd')).mode & 0o7777).toString(8), '4755');
  };

  test('a child of the job that makes the container gives its files away, with progress, and copies none of their data', async () => {
    const made = await sdme.run('create', '--name', 'shifted', '-r', 'debian', '-u', '--started');
    assert.deepEqual([made.code, made.stdout], [0, 'shifted\n'], made.stderr);
    checkOwners('shifted');
    const [child] = await jobsOf('uid.preshift');
    const [parent] = await jobsOf('container.create');
    const record = jobRecord.parse(JSON.parse(await sdme.ok('job', 'show', child?.id ?? '', '--json')));
    assert.equal(record.state, 'succeeded');
    assert.equal(record.parent?.id, parent?.id);
    assert.match(await sdme.ok('job', 'logs', record.id), /pre-chown: shifting \d{4,} files/);
    assert.equal(await sdme.ok('exec', 'shifted', 'stat', '-c', '%u %a', '/usr/bin/passwd'), '0 4755');
    // Where data are copied the upper layer holds them, and the file's blocks with it.
    assert.equal(lstatSync(inUpper('shifted', 'usr/bin/passwd')).blocks, 0);
    const below = readFileSync(join(store.layout.rootfsDir('debian'), 'usr/bin/passwd'));
    const sum = createHash('sha256').update(below).digest('hex');
    assert.equal(await sdme.ok('exec', 'shifted', 'sha256sum', '/usr/bin/passwd'), `${sum}  /usr/bin/passwd`);
    await sdme.ok(
      'exec',
      'shifted',
      'sh',
      '-c',
      'mv /usr/share/doc /usr/share/moved; echo more >> /etc/issue',
    );
    await sdme.ok('restart', 'shifted');
    const kept = await sdme.ok('exec', 'shifted', 'sh', '-c', 'ls -d /usr/share/moved; tail -n 1 /etc/issue');
    assert.equal(kept, '/usr/share/moved\nmore');
    assert.equal(await sdme.ok('rm', 'shifted'), 'shifted');
    assert.deepEqual(await traces(store.layout, 'shifted'), []);
  });

  test('when the worker is killed in the middle, the next one goes on to the same end', async () => {
    const id = await sdme.ok('create', '--name', 'resumed', '-r', 'debian', '-u', '--detach');
    await waitFor('files to be given away', () => reached('resumed'));
    await output('systemctl', 'kill', '--signal=KILL', worker);
    const { code, stderr } = await sdme.run('job', 'wait', id);
    assert.equal(code, 0, stderr);
    checkOwners('resumed');
    assert.equal(await sdme.ok('start', 'resumed'), 'resumed');
  });

  test('a container whose files are not all given away is started by nobody, and none are given away while it runs', async () => {
    const handedBack = new SdmeError('job.handed-back', 'the worker ends');
    const child: ChildRunner['child'] = () => Promise.reject(handedBack);
    const shifting = { ...store, settings: { ...store.settings, userns_mapping: 'shift' as const } };
    const input = contracts['container.create'].input.parse({
      name: 'moved',
      rootfs: 'debian',
      userns: true,
      usernsNested: 1,
      enable: true,
    });
    const { ctx } = loggedContext();
    await assert.rejects(handleContainerCreate({ ...ctx, child }, input, shifting), handedBack);
    const unit = 'sdme@moved.service';
    await assert.rejects(output('systemctl', 'is-enabled', unit), { code: 1 });
    await sdme.ok('enable', 'moved');
    await assert.rejects(output('systemctl', 'start', unit), /Assertion failed on job for sdme@moved/);
    assert.equal(await output('systemctl', 'show', '-P', 'ActiveState', unit), 'inactive\n');

    const pending = (name: string): string => join(store.layout.containerDir(name), 'shift-pending');
    copyFileSync(pending('moved'), pending('resumed'));
    const giving = handleUidPreshift(ctx, { name: 'resumed' }, store);
    await assert.rejects(giving, { code: 'state.conflict', message: /'resumed' runs/ });
    rmSync(pending('resumed'));
  });

  test('a range that another machine takes before the files are given away is left to it, and all files get the new one', async () => {
    const taken = baseOf('resumed');
    await output('sed', '-i', `s/^USERNS_SHIFT=.*/USERNS_SHIFT=${taken}/`, store.layout.stateFile('moved'));
    const started = await sdme.run('start', 'moved');
    assert.equal(started.code, 0, started.stderr);
    assert.match(started.stderr, new RegExp(`UID range ${taken} conflicts with running container 'resumed'`));
    assert.notEqual(baseOf('moved'), taken);
    checkOwners('moved', baseOf('moved'));
    const map = await sdme.ok('exec', 'moved', 'cat', '/proc/self/uid_map');
    assert.match(map, new RegExp(`^\\s*0\\s+${baseOf('moved')}\\s+131072$`));
    assert.equal(await sdme.ok('exec', 'moved', 'stat', '-c', '%u %a', '/usr/bin/passwd'), '0 4755');
    for (const name of ['moved', 'resumed']) {
      assert.equal(await sdme.ok('rm', name), name);
      assert.deepEqual(await traces(store.layout, name), []);
    }
  });

  test('a setting that is changed holds for the next job of a worker that runs already', async () => {
    const pid = (): Promise<string> => output('systemctl', 'show', '-P', 'MainPID', worker);
    await sdme.ok('job', 'ls');
    const before = await pid();
    await sdme.ok('config', 'set', 'userns_mapping', 'idmap');
    await sdme.ok('create', '--name', 'mapped', '-r', 'debian', '-u');
    assert.match(readFileSync(store.layout.stateFile('mapped'), 'utf8'), /^USERNS_MAPPING=idmap$/m);
    await sdme.ok('config', 'set', 'userns_mapping', 'shift');
    assert.equal(await sdme.ok('rm', 'mapped'), 'mapped');
    assert.notEqual(before, '0\n');
    assert.equal(await pid(), before);
  });

  test('while files are given away, others can be given their ids', async () => {
    const { ctx } = loggedContext();
    const shifting = { ...store, settings: { ...store.settings, userns_mapping: 'shift' as const } };
    const target = { kind: 'userns', name: 'shift', mode: 'exclusive' } as const;
    // Throws when somebody holds it.
    const child: ChildRunner['child'] = async () => {
      await using _lock = await takeLock(store.layout, target);
      return { name: 'parallel', files: 0 };
    };
    const input = contracts['container.create'].input.parse({
      name: 'parallel',
      rootfs: 'debian',
      userns: true,
    });
    await handleContainerCreate({ ...ctx, child }, input, shifting);
    assert.equal(await sdme.ok('rm', 'parallel'), 'parallel');
    assert.deepEqual(await traces(store.layout, 'parallel'), []);
  });

  test('cancelled in the middle, nothing is left of the container', async () => {
    const controller = new AbortController();
    const reason = new SdmeError('job.cancelled', 'the job was cancelled on request');
    const { ctx } = loggedContext(controller.signal);
    const child: ChildRunner['child'] = ({ input }) =>
      handleUidPreshift(ctx, contracts['uid.preshift'].input.parse(input), shifting);
    const shifting = { ...store, settings: { ...store.settings, userns_mapping: 'shift' as const } };
    const input = contracts['container.create'].input.parse({
      name: 'dropped',
      rootfs: 'debian',
      userns: true,
    });
    const creating = handleContainerCreate({ ...ctx, child }, input, shifting);
    const cancelling = waitFor('files to be given away', () => reached('dropped')).then(() =>
      controller.abort(reason),
    );
    await assert.rejects(creating, reason);
    await cancelling;
    assert.deepEqual(await traces(store.layout, 'dropped'), []);
  });
});
