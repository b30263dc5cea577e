import assert from 'node:assert/strict';
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open, readlink } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { listContainers, setLimits } from '../../src/nspawn/index.ts';
import {
  type ContainerStore,
  containerStore,
  loggedContext,
  output,
  outsideTestHost,
} from '../helpers/container-host.ts';
import { type Containers, containersOf } from '../helpers/containers.ts';
import { type LoopDisk, loopDisk, noLoopDisk } from '../helpers/loop-disk.ts';
import { attempt, installProbe, type Outcome, probeInside, programPath } from '../helpers/probe.ts';
import { sdmeProgram } from '../helpers/sdme-program.ts';

const probe = '/usr/local/bin/probe';
const victim = '/srv/escape-victim';
const secret = `${victim}/secret`;
const hasAppArmor = existsSync('/sys/kernel/security/apparmor/profiles');
const strict = { tier: 'strict', ...(hasAppArmor ? {} : { apparmorProfile: 'unconfined' }) };

/**
 * What root of a strict container tries against its host, each attempt in a form that harms nothing should it succeed
 * (test/host/programs/probe.c). Where it can be shown that the same attempt succeeds outside, or in a container of
 * the default tier, it is: what is denied is denied by the tier.
 */
describe('escapes from a strict container', { skip: outsideTestHost(), timeout: 200_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  let disk: LoopDisk | undefined;
  const stack = new AsyncDisposableStack();

  before(async () => {
    store = stack.use(await containerStore('escape'));
    containers = stack.use(containersOf(store));
    disk = await loopDisk(stack, '/srv/escape-disk', ['ro']);
    mkdirSync(victim);
    stack.defer(() => rmSync(victim, { recursive: true }));
    writeFileSync(secret, 'PRETTY_NAME="secret of the host"\n', { mode: 0o644 });
    copyFileSync(await programPath('probe'), `${victim}/probe`);
    const wanted = { strict, plain: {} };
    await Promise.all(
      Object.entries(wanted).map(async ([name, input]) => {
        await containers.create(name, { ...input, started: true });
        await installProbe(name, probe);
      }),
    );
  });
  after(() => stack.disposeAsync());

  const strictTries = (...attempts: string[]): Promise<Outcome[]> =>
    attempt(probeInside('strict', probe), attempts);
  const plainTries = (...attempts: string[]): Promise<Outcome[]> =>
    attempt(probeInside('plain', probe), attempts);
  const hostTries = async (...attempts: string[]): Promise<Outcome[]> =>
    attempt(['env', '-C', store.layout.dataDir, await programPath('probe')], attempts);
  /** Every attempt was refused, for one of these reasons. */
  const refused = async (reasons: readonly string[], ...attempts: string[]): Promise<void> => {
    for (const [index, outcome] of (await strictTries(...attempts)).entries()) {
      assert.ok(reasons.includes(outcome), `${attempts[index]}: ${outcome}`);
    }
  };

  test("a node of the host's disk can be neither made nor opened", async (t) => {
    if (disk === undefined) return t.skip(noLoopDisk);
    const made = `device-node=${disk.numbers}`;
    assert.deepEqual(await hostTries(made), ['done']);
    assert.deepEqual(await strictTries(made, `nested:${made}`), ['EPERM', 'EPERM']);
    assert.deepEqual(await plainTries(made), ['EPERM'], 'refused by the device policy of every tier');

    // One that is there already, as its image may have brought it, and belongs to its root.
    const inside = '/root/disk';
    const outside = `${store.layout.containerDir('strict')}/merged${inside}`;
    await output('mknod', '-m', '0666', outside, 'b', ...disk.numbers.split(':'));
    const { uid, gid } = statSync(`${store.layout.containerDir('strict')}/merged/root`);
    chownSync(outside, uid, gid);
    assert.deepEqual(await hostTries(`open-read=${outside}`, `mount-device=${outside}`), ['done', 'done']);
    const attempts = ['open-read', 'open-write', 'loop-attach', 'mount-device', 'nested:mount-device'];
    await refused(['EPERM', 'EACCES'], ...attempts.map((name) => `${name}=${inside}`));
  });

  test("file systems that show the host's devices, kernel or cgroups cannot be mounted", async () => {
    const kinds = ['ext4', 'devtmpfs', 'securityfs', 'debugfs', 'tracefs', 'bpf', 'cgroup'];
    await refused(['EPERM'], ...kinds.map((kind) => `mount-kind=${kind}`));
    await refused(['ENOENT'], 'open-write=/dev/loop-control', 'open-read=/dev/mem');
  });

  test("the kernel's settings and its emergency keys cannot be written", async () => {
    const files = [
      '/proc/sysrq-trigger',
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/kernel/modprobe',
      '/proc/sys/vm/overcommit_memory',
      '/sys/kernel/uevent_helper',
    ].filter((path) => existsSync(path));
    assert.ok(files.includes('/proc/sys/kernel/core_pattern'));
    await refused(['EROFS', 'EACCES', 'EPERM'], ...files.map((path) => `open-write=${path}`));
    // A procfs of its own shows them without what nspawn laid over them; they are still another root's.
    const own = ['sys/kernel/core_pattern', 'sys/kernel/modprobe', 'sysrq-trigger']
      .filter((path) => existsSync(`/proc/${path}`))
      .flatMap((path) => [`new-proc-write=${path}`, `nested:new-proc-write=${path}`]);
    await refused(['EACCES', 'EPERM'], ...own);
  });

  test('no kernel can be loaded, and no module be loaded or removed', async () => {
    const attempts = ['kexec', 'kexec-file', 'module-load', 'module-load-file', 'module-unload'];
    // Outside it is what they are given that is wrong, or the kernel has none of it.
    for (const outcome of await hostTries(...attempts)) {
      assert.match(outcome, /^(EADDRNOTAVAIL|EBADF|EFAULT|EINVAL|ENOENT|ENOEXEC|ENOSYS)$/);
    }
    await refused(['EPERM'], ...attempts);
  });

  test('a process of the host cannot be seen, signalled, traced or read', async () => {
    const pid = process.pid;
    assert.deepEqual(await hostTries(`signal=${pid}`), ['done']);
    // A number that nothing inside has: in its own PID namespace the process does not exist.
    await assert.rejects(containers.inside('strict', 'test', '-e', `/proc/${pid}/comm`));
    await refused(['ESRCH', 'EPERM'], `signal=${pid}`, `trace=${pid}`, `read-memory=${pid}`);
    assert.deepEqual(await strictTries('trace=1', 'trace-child'), ['EPERM', 'EPERM']);
    assert.deepEqual(await plainTries('trace-child'), ['done']);
  });

  test('there is no raw socket and no packet socket', async () => {
    assert.deepEqual(await plainTries('raw-socket', 'packet-socket'), ['done', 'done']);
    assert.deepEqual(await strictTries('raw-socket', 'packet-socket'), ['EPERM', 'EPERM']);
  });

  test('a user namespace of its own, in which it has all capabilities, gives none of them back outside', async () => {
    assert.deepEqual(await strictTries('nested:mount-kind=tmpfs'), ['done'], 'it has them there');
    const attempts = ['raw-socket', 'packet-socket', 'mount-kind=debugfs', 'trace=1', 'key-add', 'bpf-map'];
    await refused(['EPERM'], ...attempts.map((name) => `nested:${name}`));
  });

  test("the host's files are out of reach by way of /proc, of directories above the root, and of handles", async () => {
    assert.deepEqual(await hostTries(`open-read=/proc/1/root${secret}`, `leave-chroot=${secret}`), [
      'done',
      'done',
    ]);
    await refused(
      ['ENOENT', 'EACCES', 'EPERM'],
      `open-read=${secret}`,
      `open-read=/proc/1/root${secret}`,
      `open-read=/proc/${process.pid}/root${secret}`,
      `open-read=/proc/1/cwd/../../../..${secret}`,
      `leave-chroot=${secret}`,
    );
    // A file system whose handles can be opened, which not every one below an overlay is.
    assert.deepEqual(await hostTries('open-by-handle=/tmp'), ['done']);
    await refused(['EPERM'], 'open-by-handle=/etc/hostname', 'open-by-handle=/tmp');
  });

  test("a namespace of the host's cannot be joined, even when somebody hands it in", async () => {
    for (const kind of ['mnt', 'pid', 'net', 'uts', 'ipc', 'user', 'cgroup']) {
      await using handle = await open(`/proc/1/ns/${kind}`);
      const joined = async (name: string): Promise<Outcome[]> =>
        attempt(probeInside(name, probe), ['join-given'], handle.fd);
      // Nobody joins the user namespace that is his, or a PID namespace above his.
      const isNever = kind === 'user' || kind === 'pid';
      assert.deepEqual(await joined('plain'), [isNever ? 'EINVAL' : 'done'], kind);
      assert.deepEqual(await joined('strict'), ['EPERM'], kind);
    }
    assert.deepEqual(
      await strictTries('parent-namespace=/proc/self/ns/user', 'parent-namespace=/proc/self/ns/pid'),
      ['EPERM', 'EPERM'],
    );
    assert.notEqual(
      (await containers.inside('strict', 'readlink', '/proc/self/ns/user')).trim(),
      await readlink('/proc/1/ns/user'),
    );
  });

  test('keyrings, BPF, performance counters and user faults are refused', async () => {
    const attempts = ['key-add', 'key-request', 'key-control', 'bpf-map', 'perf-event'];
    for (const [index, outcome] of (await hostTries(...attempts, 'user-faults')).entries()) {
      // A kernel may have been built without one or another.
      assert.match(outcome, /^(done|ENOSYS)$/, attempts[index]);
    }
    await refused(['EPERM'], ...attempts);
    await refused(['EPERM', 'ENOSYS'], 'user-faults');
  });

  test('a program with the setuid bit gains nobody privileges', async () => {
    const setuid = '/usr/local/bin/probe-setuid';
    for (const name of ['strict', 'plain']) {
      await containers.inside(name, 'install', '-m', '4755', probe, setuid);
    }
    const gained = async (name: string): Promise<Outcome[]> =>
      attempt(probeInside(name, setuid, 'nobody'), ['user-is-root']);
    assert.deepEqual(await gained('plain'), ['done']);
    assert.deepEqual(await gained('strict'), ['EPERM']);

    // Nor is it one of the host's root, or, of a container whose root is that, where others of the host could run it.
    const outside = (name: string): string => `${store.layout.containerDir(name)}/merged${setuid}`;
    assert.ok(statSync(outside('strict')).uid >= 524_288);
    assert.equal(statSync(outside('plain')).uid, 0);
    const nobody = [
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      await programPath('probe'),
    ];
    const ways = ['strict', 'plain'].map((name) => `open-read=${outside(name)}`);
    assert.deepEqual(await attempt(nobody, ways), ['EACCES', 'EACCES']);
  });

  test('links where systemd-nspawn makes files of its own at a start lead it nowhere on the host', async () => {
    const name = 'planted';
    const shared = '/var/tmp/escape-shared';
    const [outer, asked] = ['/var/tmp/escape-outer', '/var/tmp/escape-asked'];
    for (const directory of [`${shared}/host`, `${outer}/sub`]) mkdirSync(directory, { recursive: true });
    symlinkSync(outer, asked);
    for (const path of [shared, outer, asked]) stack.defer(() => rmSync(path, { recursive: true }));
    const binds = [`${shared}:/data/shared`, `${asked}:/outer`, `${outer}/sub:/sub`];
    await containers.create(name, { ...strict, binds, started: true });
    // A link is followed once, when the bind is asked for.
    rmSync(asked);
    symlinkSync(victim, asked);
    const ownId = (await containers.inside(name, 'cat', '/etc/machine-id')).trim();
    // What it may write to is laid over /run, so that nspawn's files there lead wherever links in it say.
    const over = [
      `ln -sfn ${secret} /data/shared/host/container-manager`,
      'mv /data /away && mkdir /data && ln -s /run /data/shared',
    ];
    await containers.inside(name, 'sh', '-ec', over.join('\n'));
    await containers.stop(name);
    const before = { ...statSync(secret), names: readdirSync(victim) };
    // A rootfs that brings such a link makes no container.
    const evil = store.layout.rootfsDir('evil');
    mkdirSync(evil);
    symlinkSync(victim, `${evil}/run`);
    const refusal = { code: 'state.conflict', message: /^\/run in container 'evil' is a symlink/ };
    await assert.rejects(containers.create('evil', { ...strict, rootfs: 'evil' }), refusal);
    const upper = `${store.layout.containerDir(name)}/upper`;
    const refusesToStart = async (): Promise<void> => {
      await assert.rejects(containers.start(name), { code: 'state.conflict', message: /is a symlink\b/ });
      // As systemd does by itself at boot.
      await assert.rejects(output('systemctl', 'start', `sdme@${name}.service`));
      const said = await output('journalctl', '--unit', `sdme@${name}.service`, '--lines=10', '--output=cat');
      assert.match(said, /is a symlink, which would be followed on the host/);
    };
    await refusesToStart();
    rmSync(`${upper}/data`, { recursive: true });
    await containers.start(name);
    assert.equal((await containers.inside(name, 'ls', '/outer')).trim(), 'sub');
    await containers.inside(name, 'sh', '-ec', `rmdir /outer/sub && ln -s ${victim} /outer/sub`);
    await containers.stop(name);
    await refusesToStart();
    rmSync(`${outer}/sub`);
    mkdirSync(`${outer}/sub`);

    for (const path of ['dev', 'run']) {
      rmSync(`${upper}/${path}`, { recursive: true, force: true });
      symlinkSync(victim, `${upper}/${path}`);
      await refusesToStart();
      rmSync(`${upper}/${path}`);
    }
    // Nor does it make the directories of a journal, or find there one whose id the container took.
    renameSync(`${upper}/var/log`, `${upper}/var/away`);
    symlinkSync(victim, `${upper}/var/log`);
    const journal = `/var/log/journal/${ownId}`;
    mkdirSync(journal, { recursive: true });
    stack.defer(() => rmSync(journal, { recursive: true }));
    await containers.start(name);
    assert.ok(!existsSync(`${victim}/journal`));
    assert.doesNotMatch(await containers.inside(name, 'cat', '/proc/self/mountinfo'), /\/var\/log\/journal/);
    await containers.remove(name);

    const after = statSync(secret);
    assert.deepEqual(readdirSync(victim), before.names);
    assert.deepEqual([after.mtimeMs, after.size], [before.mtimeMs, before.size]);
  });

  test("links in the container's tree lead what the host does later nowhere on the host", async () => {
    const before = { ...statSync(secret), names: readdirSync(victim) };
    const links = [
      `ln -sfn ${secret} /etc/os-release`,
      `ln -sfn ${secret} /etc/resolv.conf`,
      `ln -sfn ${secret} /etc/machine-id`,
      `mkdir -p /oci && ln -sfn ${victim} /oci/apps`,
      `rm -rf /etc/systemd/system && ln -sfn ${victim} /etc/systemd/system`,
      `ln -sfn ${victim} /root/victim`,
    ];
    await containers.inside('strict', 'sh', '-ec', links.join('\n'));
    await containers.stop('strict');
    await containers.start('strict');
    const listed = (await listContainers(store.layout)).find(({ name }) => name === 'strict');
    assert.equal(listed?.status, 'running');
    assert.ok(!JSON.stringify(listed).includes('secret of the host'), JSON.stringify(listed));
    assert.deepEqual(listed?.oci_apps, []);
    const sdme = sdmeProgram(store.layout);
    for (const verb of ['exec', 'join']) assert.equal(await sdme.ok(verb, 'strict', 'hostname'), 'strict');
    for (const words of [
      ['exec', 'strict', '--oci', '--', '/probe'],
      ['logs', 'strict', '--oci'],
    ]) {
      const { code, stderr } = await sdme.run(...words);
      assert.match(`${code} ${stderr}`, /^1 Error: .* \(none found\)$/m, words.join(' '));
    }
    await sdme.ok('logs', 'strict', '-n', '5');
    const { ctx } = loggedContext();
    assert.deepEqual(await setLimits(ctx, { name: 'strict', cpuWeight: '50' }, store), {
      name: 'strict',
      running: true,
    });
    await containers.remove('strict');
    const after = statSync(secret);
    assert.deepEqual(readdirSync(victim), before.names);
    assert.deepEqual(
      [after.mtimeMs, after.ctimeMs, after.mode],
      [before.mtimeMs, before.ctimeMs, before.mode],
    );
    assert.equal(await output('cat', secret), 'PRETTY_NAME="secret of the host"\n');
  });
});
