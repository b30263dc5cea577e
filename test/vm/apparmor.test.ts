import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { apparmorProfileText } from '../../src/security/apparmor-profile.ts';
import { type ContainerStore, containerStore, output } from '../helpers/container-host.ts';
import { type Containers, containersOf } from '../helpers/containers.ts';
import { debianPrograms } from '../helpers/debian-programs.ts';
import { layoutFiles, testImage, writeFiles } from '../helpers/oci-image.ts';
import { attempt, installProbe, type Outcome, probeInside } from '../helpers/probe.ts';
import { type SdmeProgram, sdmeProgram } from '../helpers/sdme-program.ts';
import { outsideVm, processesOf } from '../helpers/vm.ts';

const probe = '/usr/local/bin/probe';
/** A file of the host's under the name of its memory. */
const memoryBind = '/etc/hostname:/dev/mem';
const bootSeconds = 180;
const profileFile = '/etc/apparmor.d/sdme-default';
const loadedProfiles = (): Promise<string> => readFile('/sys/kernel/security/apparmor/profiles', 'utf8');
const report = z.object({
  mechanisms: z.array(
    z.object({ mechanism: z.string(), asked_for: z.string(), in_force: z.string(), as_asked: z.boolean() }),
  ),
});

/** Creates or opens each path to append; prints what the shell says of it. */
const writeEach = 'for path; do if (: >> "$path") 2> /dev/null; then echo done; else echo denied; fi; done';

describe('AppArmor, enforced', { skip: outsideVm(), timeout: 1_200_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  let sdme: SdmeProgram;
  const stack = new AsyncDisposableStack();

  before(async () => {
    store = stack.use(await containerStore('apparmor', { boot_timeout: bootSeconds }));
    const { worker, queue } = embeddedUnitNames(store.layout);
    stack.defer(async () => void (await output('systemctl', 'stop', worker, queue)));
    sdme = sdmeProgram(store.layout);
    containers = stack.use(containersOf(store));
    stack.defer(async () => {
      await output('apparmor_parser', '--remove', profileFile).catch(() => {});
      await rm(profileFile, { force: true });
    });
    const dir = await mkdtemp('/var/tmp/sdme-vm-');
    stack.defer(() => rm(dir, { recursive: true }));
    const files = await debianPrograms('sleep', 'cat');
    const config = { Entrypoint: ['/usr/bin/sleep', 'infinity'], Cmd: null };
    const image = await testImage({ layers: [files], executable: Object.keys(files), config });
    await writeFiles(dir, layoutFiles([image]));
    await sdme.ok('fs', 'import', dir, '--name', 'app', '--base-fs', 'debian');
  });
  after(() => stack.disposeAsync());

  const apparmorRow = async (name: string): Promise<readonly [string | undefined, string | undefined]> => {
    const { mechanisms } = report.parse(JSON.parse(await sdme.ok('security', 'show', name, '--json')));
    const row = mechanisms.find(({ mechanism }) => mechanism === 'AppArmor profile');
    return [row?.asked_for, row?.in_force];
  };
  const started = async (name: string, input: Record<string, unknown>): Promise<void> => {
    await containers.create(name, { ...input, started: true });
    await installProbe(name, probe);
  };
  const lines = async (name: string, ...command: string[]): Promise<string[]> =>
    (await containers.inside(name, ...command)).trimEnd().split('\n');
  const tried = (name: string, ...attempts: string[]): Promise<Outcome[]> =>
    attempt(probeInside(name, probe), attempts);

  test('a container whose profile is not loaded does not start, and the refusal says how to load it', async () => {
    await containers.create('strict', { rootfs: 'app', tier: 'strict', binds: [memoryBind] });
    await containers.create('own', { tier: 'strict', apparmorProfile: 'own-profile' });
    const wayOut = 'make the container with --apparmor-profile unconfined to run it without a profile';
    for (const [name, profile, load] of [
      ['strict', 'sdme-default', "'sdme config apparmor-profile --install'"],
      ['own', 'own-profile', 'apparmor_parser(8)'],
    ] as const) {
      const refused = await sdme.run('start', name);
      assert.deepEqual([refused.code, refused.stdout], [1, '']);
      const says = `AppArmor profile '${profile}' is not loaded; load it with ${load}, or ${wayOut}`;
      assert.ok(refused.stderr.includes(says), refused.stderr);
    }
  });

  test('`config apparmor-profile --install` loads the profile, for now and for the next boot', async () => {
    assert.ok(!(await loadedProfiles()).includes('sdme-default'));
    assert.equal(await sdme.ok('config', 'apparmor-profile', '--install'), 'sdme-default');
    assert.match(await loadedProfiles(), /^sdme-default \(enforce\)$/m);
    assert.equal(await readFile(profileFile, 'utf8'), apparmorProfileText);
  });

  test('a strict container boots in its profile, which holds every process of it', async () => {
    await sdme.ok('start', 'strict', '--timeout', `${bootSeconds}`);
    await installProbe('strict', probe);
    assert.deepEqual(await lines('strict', 'systemctl', 'is-system-running', '--wait'), ['running']);
    const processes = await processesOf('strict');
    assert.ok(processes.length > 5, `${processes.length} processes`);
    const labels = processes.map((pid) => readFile(`/proc/${pid}/attr/current`, 'utf8'));
    assert.deepEqual(new Set(await Promise.all(labels)), new Set(['sdme-default (enforce)\n']));
    assert.deepEqual(await lines('strict', 'cat', '/proc/self/attr/current'), ['sdme-default (enforce)']);
  });

  test('an application of a strict container runs in the profile too, and a command beside it', async () => {
    const unit = 'sdme-oci-app.service';
    assert.deepEqual(await lines('strict', 'systemctl', 'is-active', unit), ['active']);
    const ofUnit = await processesOf('strict', unit);
    const named = async (pid: number): Promise<string> =>
      (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
    const names = await Promise.all(ofUnit.map(named));
    assert.ok(names.includes('sleep'), names.join(' '));
    for (const pid of ofUnit) {
      assert.equal(await readFile(`/proc/${pid}/attr/current`, 'utf8'), 'sdme-default (enforce)\n');
    }
    const beside = await sdme.ok('exec', 'strict', '--oci', '--', '/usr/bin/cat', '/proc/self/attr/current');
    assert.equal(beside, 'sdme-default (enforce)');
  });

  test('`security show` says that the profile is in force, read from the kernel', async () => {
    assert.deepEqual(await apparmorRow('strict'), ['sdme-default', 'sdme-default (enforce)']);
    const shown = await sdme.ok('security', 'show', 'strict');
    assert.match(shown, /^AppArmor profile +sdme-default +sdme-default \(enforce\) /m);
    assert.doesNotMatch(shown, /looser than asked for/);
  });

  test('in a strict container the profile alone denies names of disks and memory, and changing modules', async () => {
    const waived = { tier: 'strict', apparmorProfile: 'unconfined', binds: [memoryBind] };
    await started('waived', waived);
    assert.deepEqual(await apparmorRow('waived'), ['unconfined', 'no']);
    const devices = ['sda9', 'nvme9n9', 'vdz', 'loop99', 'kmem', 'port'].map((name) => `/dev/${name}`);
    const writes = [...devices, '/lib/modules/probe', '/usr/lib/modules/probe.ko'];
    const outcomes = async (name: string): Promise<string[]> => {
      const script = `mkdir -p /usr/lib/modules; ${writeEach}`;
      const written = await lines(name, 'sh', '-c', script, 'sh', ...writes);
      return [...written, ...(await tried(name, 'open-read=/dev/mem'))];
    };
    assert.deepEqual(await outcomes('waived'), [...writes.map(() => 'done'), 'done']);
    assert.deepEqual(await outcomes('strict'), [...writes.map(() => 'denied'), 'EACCES']);
    await containers.remove('waived');
  });

  test("in a container whose root is the host's, the profile alone denies the kernel's settings and memory", async () => {
    const settings = ['core_pattern', 'modprobe', 'hostname', 'domainname', 'shmmax'];
    const denied = [
      ...settings.map((name) => `open-write=/proc/sys/kernel/${name}`),
      'open-write=/proc/sysrq-trigger',
      'open-read=/proc/kcore',
    ];
    // Root inside can take away what nspawn lays over these.
    const bare = 'mount -o remount,bind,rw /proc/sys && umount /proc/sysrq-trigger /proc/kcore';
    const unnamed = 'open-write=/proc/sys/vm/overcommit_memory';
    const outcomes = async (name: string, input: Record<string, unknown>): Promise<Outcome[]> => {
      await started(name, { capabilities: ['sys_rawio'], ...input });
      await containers.inside(name, 'sh', '-c', bare);
      return tried(name, unnamed, ...denied);
    };
    assert.deepEqual(await outcomes('plain', {}), ['done', ...denied.map(() => 'done')]);
    await containers.remove('plain');
    assert.deepEqual(await outcomes('profiled', { apparmorProfile: 'sdme-default' }), [
      'done',
      ...denied.map(() => 'EACCES'),
    ]);
  });

  test("the profile goes by names: root of the host's gets around it with a procfs of its own, others do not", async () => {
    const own = ['new-proc-write=sysrq-trigger', 'new-proc-write=sys/kernel/core_pattern'];
    assert.deepEqual(await tried('profiled', ...own), ['done', 'done']);
    assert.ok(!(await tried('strict', ...own)).includes('done'));
    await containers.remove('profiled');
  });

  test('a profile of one’s own is put in force in place of the strict tier’s', async () => {
    const text = apparmorProfileText
      .replace('profile sdme-default ', 'profile own-profile ')
      .replace('  deny ', '  deny /srv/kept/** w,\n  deny ');
    const file = join(store.layout.dataDir, 'own-profile');
    await writeFile(file, text);
    await output('apparmor_parser', '--replace', '--skip-cache', file);
    stack.defer(async () => void (await output('apparmor_parser', '--remove', file)));
    await containers.start('own');
    assert.deepEqual(await apparmorRow('own'), ['own-profile', 'own-profile (enforce)']);
    const script = `mkdir -p /srv/kept; ${writeEach}`;
    const written = await lines('own', 'sh', '-c', script, 'sh', '/srv/kept/x', '/srv/free');
    assert.deepEqual(written, ['denied', 'done']);
    await containers.remove('own');
  });

  test('a profile that is taken out of the kernel is no longer shown as in force, and nothing starts in it', async () => {
    await output('apparmor_parser', '--remove', profileFile);
    assert.deepEqual(await apparmorRow('strict'), ['sdme-default', 'no']);
    assert.match(await sdme.ok('security', 'show', 'strict'), /^looser than asked for: AppArmor profile$/m);
    await containers.stop('strict');
    await assert.rejects(containers.start('strict'), /AppArmor profile 'sdme-default' is not loaded/);
    await assert.rejects(output('systemctl', 'start', 'sdme@strict.service'), 'nor by systemd itself');
  });
});
