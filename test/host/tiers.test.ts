import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, readlink, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { capabilitiesOfMask } from '../../src/base/capabilities.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { readSecurity } from '../../src/nspawn/read-side.ts';
import { type ContainerRecord, formatRecord, parseRecord } from '../../src/nspawn/record.ts';
import { type ContainerStore, containerStore, output, outsideTestHost } from '../helpers/container-host.ts';
import { type Containers, containersOf } from '../helpers/containers.ts';
import { groupCalls, letThrough, letThroughAndDenied, reachedKernel } from '../helpers/denied-groups.ts';
import { type InsideFacts, insideFacts } from '../helpers/inside-facts.ts';
import { attempt, installProbe, type Outcome, probeInside } from '../helpers/probe.ts';
import { waitFor } from '../helpers/wait-for.ts';

const probe = '/usr/local/bin/probe';
const hasAppArmor = existsSync('/sys/kernel/security/apparmor/profiles');
/** The strict tier as it can be had here; where the kernel has no AppArmor, its profile is waived by name. */
const strict = { tier: 'strict', ...(hasAppArmor ? {} : { apparmorProfile: 'unconfined' }) };

/** Bounding sets by tier. Of 26 capabilities, hardened keeps 23 and strict 14. */
const masks = { plain: 0xfdecafffn, hardened: 0xfda48fffn, strict: 0xa82405fbn };
/** Bit of CAP_NET_ADMIN, which a private network gives, but for what drops it. */
const netAdmin = 1n << 12n;

const bits = (mask: bigint): number => mask.toString(2).replaceAll('0', '').length;

describe('tiers, from inside of booted containers', { skip: outsideTestHost(), timeout: 200_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  const facts = new Map<string, InsideFacts>();
  const stack = new AsyncDisposableStack();
  const factsOf = (name: string): InsideFacts => {
    const found = facts.get(name);
    assert.ok(found !== undefined, `${name} booted`);
    return found;
  };
  const hostSays = (file: string): Promise<string> => readFile(`/proc/1/${file}`, 'utf8');

  before(async () => {
    store = stack.use(await containerStore('tiers'));
    containers = stack.use(containersOf(store));
    const wanted = { plain: {}, hardened: { tier: 'hardened' }, strict };
    await Promise.all(
      Object.entries(wanted).map(async ([name, input]) => {
        await containers.create(name, { ...input, started: true });
        await installProbe(name, probe);
        facts.set(name, await insideFacts(containers, name));
      }),
    );
  });
  after(() => stack.disposeAsync());

  const tried = (name: string, ...attempts: string[]): Promise<Outcome[]> =>
    attempt(probeInside(name, probe), attempts);

  test('every tier boots to running, and all that it asks for is in force', async () => {
    for (const name of ['plain', 'hardened', 'strict']) {
      assert.equal(factsOf(name).systemState, 'running', name);
      const { mechanisms } = await readSecurity(store.layout, name);
      assert.deepEqual(
        mechanisms.filter((row) => !row.as_asked),
        [],
        name,
      );
    }
  });

  test('what is looser than its record asks for is seen in the kernel and in nspawn’s command line, row by row', async () => {
    const looser = async (name: string, changes: Partial<ContainerRecord>): Promise<string[]> => {
      const file = store.layout.stateFile(name);
      const record = await readFile(file, 'utf8');
      await writeFile(file, formatRecord({ ...parseRecord(record), ...changes }));
      const { mechanisms } = await readSecurity(store.layout, name);
      await writeFile(file, record);
      return mechanisms.filter((row) => !row.as_asked).map(({ mechanism }) => mechanism);
    };
    const asked: readonly (readonly [string, Partial<ContainerRecord>])[] = [
      ['user namespace', { USERNS: 'yes' }],
      ['network namespace', { PRIVATE_NETWORK: '1' }],
      ['no new privileges', { NO_NEW_PRIVS: 'yes' }],
      ['capabilities', { DROP_CAPS: ['CAP_MKNOD'] }],
      ['system call filter', { SYSCALL_FILTER: ['~@debug'] }],
      ['AppArmor profile', { APPARMOR_PROFILE: 'sdme-default' }],
      ['read-only root', { READ_ONLY: 'yes' }],
    ];
    for (const [row, changes] of asked) assert.ok((await looser('plain', changes)).includes(row), row);

    const { USERNS_SHIFT: base = 0 } = parseRecord(
      await readFile(store.layout.stateFile('hardened'), 'utf8'),
    );
    assert.deepEqual(await looser('hardened', { USERNS_SHIFT: base + 65_536 }), ['user namespace']);
    const leader = (await output('machinectl', 'show', 'hardened', '-P', 'Leader')).trim();
    await output('ip', 'link', 'add', 'stray0', 'type', 'veth', 'peer', 'name', 'stray1', 'netns', leader);
    assert.deepEqual(await looser('hardened', {}), ['network namespace']);
    await output('ip', 'link', 'del', 'stray0');
    assert.deepEqual(await looser('hardened', {}), []);

    // As Docker inside has them: a bridge, and a cable to a container of its own.
    await using _unit = {
      [Symbol.asyncDispose]: async () => void (await output('systemctl', 'stop', 'inner-net.service')),
    };
    await output('systemd-run', '--quiet', '--unit=inner-net', 'unshare', '--net', 'sleep', '100000');
    const inner = (await output('systemctl', 'show', '-P', 'MainPID', 'inner-net')).trim();
    await waitFor('a network within', async () => {
      const [its, ours] = [await readlink(`/proc/${inner}/ns/net`), await readlink('/proc/self/ns/net')];
      return its !== ours;
    });
    const within = ['--net', `--target=${leader}`, 'ip', 'link', 'add'];
    await output('nsenter', ...within, 'inner0', 'type', 'bridge');
    await output('nsenter', ...within, 'cable0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', inner);
    const { mechanisms } = await readSecurity(store.layout, 'hardened');
    const row = mechanisms.find(({ mechanism }) => mechanism === 'network namespace');
    assert.deepEqual([row?.in_force, row?.as_asked], ['own: lo; made inside inner0, cable0', true]);
    await output('nsenter', '--net', `--target=${leader}`, 'ip', 'link', 'del', 'inner0');
  });

  test('a container keeps no capability but 26, and of those the ones that its host has', async (t) => {
    const ofHost = BigInt(`0x${/^CapBnd:\s*(\w+)$/m.exec(await hostSays('status'))?.[1]}`);
    const lacking = capabilitiesOfMask(masks.plain & ~ofHost);
    if (lacking.length > 0) t.diagnostic(`this host lacks ${lacking.join(' ')}`);
    assert.equal(factsOf('plain').boundingSet, masks.plain & ofHost);
  });

  test('a hardened container keeps 23 of them, and CAP_NET_ADMIN over its own network', () => {
    assert.equal(factsOf('hardened').boundingSet, masks.hardened | netAdmin);
    assert.equal(bits(factsOf('hardened').boundingSet & ~netAdmin), 23);
  });

  test('a strict container keeps 14 of them, and CAP_NET_ADMIN is not among them', () => {
    assert.equal(factsOf('strict').boundingSet, masks.strict);
    assert.equal(bits(factsOf('strict').boundingSet), 14);
  });

  test('what a hardened container lacks is a setting, which a strict one does not heed', async () => {
    const settings = { ...store.settings, hardened_drop_caps: 'CAP_KILL,CAP_NET_ADMIN' };
    await using others = containersOf({ ...store, settings });
    const boundingSet = async (name: string, input: Record<string, unknown>): Promise<bigint> => {
      await others.create(name, { ...input, started: true });
      const facts = await insideFacts(others, name);
      await others.remove(name);
      return facts.boundingSet;
    };
    const [hardened, asStrict] = await Promise.all([
      boundingSet('otherwise', { tier: 'hardened' }),
      boundingSet('unmoved', strict),
    ]);
    assert.equal(hardened, masks.plain & ~(1n << 5n));
    assert.equal(asStrict, masks.strict);
  });

  test('hardened and strict containers can gain no privileges; a default one can', () => {
    const held = ['plain', 'hardened', 'strict'].map((name) => factsOf(name).noNewPrivileges);
    assert.deepEqual(held, [false, true, true]);
  });

  test('users of hardened and strict containers are others outside; those of a default one are the same', async () => {
    assert.equal(factsOf('plain').userMap, (await hostSays('uid_map')).trim().replaceAll(/ +/g, ' '));
    for (const name of ['hardened', 'strict']) {
      const [inside, outside, count] = factsOf(name).userMap.split(' ').map(Number);
      assert.deepEqual([inside, count], [0, 65_536]);
      assert.ok(outside !== undefined && outside >= 524_288, String(outside));
    }
  });

  test('process, IPC, host name, mount and cgroup namespaces are always a container’s own', async () => {
    for (const name of ['plain', 'hardened', 'strict']) {
      for (const kind of ['pid', 'ipc', 'uts', 'mnt', 'cgroup']) {
        assert.notEqual(
          factsOf(name).namespaces.get(kind),
          await readlink(`/proc/1/ns/${kind}`),
          `${name} ${kind}`,
        );
      }
    }
  });

  test('no two containers share a namespace of their own, or an id of their users', () => {
    const kinds = ['pid', 'ipc', 'uts', 'mnt', 'cgroup'];
    for (const kind of kinds) {
      const own = ['plain', 'hardened', 'strict'].map((name) => factsOf(name).namespaces.get(kind));
      assert.equal(new Set(own).size, 3, kind);
    }
    const [hardened = 0, strict = 0] = ['hardened', 'strict'].map((name) =>
      Number(factsOf(name).userMap.split(' ')[1]),
    );
    assert.ok(Math.abs(hardened - strict) >= 65_536, `${hardened} and ${strict}`);
    for (const kind of ['user', 'net']) {
      assert.notEqual(factsOf('hardened').namespaces.get(kind), factsOf('strict').namespaces.get(kind), kind);
    }
  });

  test('every tier runs a whole systemd: it is PID 1, with a journal, a bus, and mounts of its own making', async () => {
    for (const name of ['plain', 'hardened', 'strict']) {
      assert.match(await containers.inside(name, 'readlink', '/proc/1/exe'), /\/systemd\n$/, name);
      const services = ['systemd-journald.service', 'dbus.service'];
      assert.equal(
        await containers.inside(name, 'systemctl', 'is-active', ...services),
        'active\nactive\n',
        name,
      );
      // What all confinement starts from: CAP_SYS_ADMIN over its namespaces, and a filter that lets `mount` through.
      assert.deepEqual(await tried(name, 'mount-kind=tmpfs'), ['done'], name);
    }
  });

  test('a container’s processes are in a subtree of cgroups that is its own to divide', async () => {
    for (const name of ['plain', 'hardened', 'strict']) {
      const leader = (await output('machinectl', 'show', name, '-P', 'Leader')).trim();
      assert.match(
        await readFile(`/proc/${leader}/cgroup`, 'utf8'),
        new RegExp(`^0::/machine\\.slice/sdme@${name}\\.service/`, 'm'),
      );
      assert.equal(await output('systemctl', 'show', '-P', 'Delegate', `sdme@${name}.service`), 'yes\n');
      const cgroup = '/sys/fs/cgroup/of-its-own';
      const inside = await containers.inside(
        name,
        'sh',
        '-ec',
        `mkdir ${cgroup}; rmdir ${cgroup}; cat /proc/1/cgroup`,
      );
      assert.match(inside, /^0::\/init\.scope$/m, 'it begins where the subtree does');
    }
  });

  test('users and network are the host’s by default, and their own when hardened or strict', async () => {
    for (const kind of ['user', 'net']) {
      const ofHost = await readlink(`/proc/1/ns/${kind}`);
      const same = ['plain', 'hardened', 'strict'].map(
        (name) => factsOf(name).namespaces.get(kind) === ofHost,
      );
      assert.deepEqual(same, [true, false, false], kind);
    }
    assert.deepEqual(factsOf('hardened').interfaces, ['lo']);
    assert.deepEqual(factsOf('strict').interfaces, ['lo']);
  });

  test('system calls are filtered in every tier: keyrings, BPF, kexec and modules are refused', async () => {
    const calls = [
      'key-add',
      'key-control',
      'bpf-map',
      'kexec',
      'kexec-file',
      'module-load',
      'module-unload',
    ];
    for (const name of ['plain', 'hardened', 'strict']) {
      assert.equal(factsOf(name).filtered, true);
      assert.deepEqual(
        await tried(name, ...calls),
        calls.map(() => 'EPERM'),
        name,
      );
    }
  });

  test('a call of each group that strict refuses gives EPERM in a strict container', async () => {
    assert.deepEqual(
      await tried('strict', ...groupCalls),
      groupCalls.map(() => 'EPERM'),
    );
  });

  test('there are no raw sockets in hardened and strict containers; a default one has them', async () => {
    const sockets = ['raw-socket', 'packet-socket'];
    assert.deepEqual(await tried('plain', ...sockets), ['done', 'done']);
    assert.deepEqual(await tried('hardened', ...sockets), ['EPERM', 'EPERM']);
    assert.deepEqual(await tried('strict', ...sockets), ['EPERM', 'EPERM']);
  });

  test('nothing can be traced in hardened and strict containers, not even a child; a default one can', async () => {
    const calls = ['trace-child', 'trace=1'];
    assert.deepEqual((await tried('plain', ...calls))[0], 'done');
    assert.deepEqual(await tried('hardened', ...calls), ['EPERM', 'EPERM']);
    assert.deepEqual(await tried('strict', ...calls), ['EPERM', 'EPERM']);
  });

  test('a strict container whose profile cannot be had is refused at start, with the one way out', async (t) => {
    if (hasAppArmor) return t.skip('this kernel has AppArmor');
    await containers.create('refused', { tier: 'strict', enable: true });
    // As systemd does by itself at boot.
    await assert.rejects(output('systemctl', 'start', 'sdme@refused.service'), /[Aa]ssert/);
    assert.match(
      await readFile(store.layout.stateFile('refused'), 'utf8'),
      /^APPARMOR_PROFILE=sdme-default$/m,
    );
    await assert.rejects(containers.start('refused'), (error) => {
      assert.ok(error instanceof SdmeError);
      assert.equal(error.code, 'system.unsupported');
      assert.match(
        error.message,
        /^AppArmor is not available on this system; .*--apparmor-profile unconfined/,
      );
      return true;
    });
    await containers.remove('refused');
  });

  test('a profile that was waived is stored, and shown as not in force', async (t) => {
    if (hasAppArmor) return t.skip('this kernel has AppArmor');
    assert.match(await readFile(store.layout.stateFile('strict'), 'utf8'), /^APPARMOR_PROFILE=unconfined$/m);
    const { mechanisms } = await readSecurity(store.layout, 'strict');
    const row = mechanisms.find(({ mechanism }) => mechanism === 'AppArmor profile');
    assert.deepEqual([row?.asked_for, row?.in_force], ['unconfined', 'no: not in this kernel']);
  });

  test('own filters stand in place of strict’s: calls of the groups that it denies reach the kernel', async () => {
    const asked = { ...strict, capabilities: ['sys_ptrace'], systemCallFilters: letThrough };
    await containers.create('loosened', { ...asked, started: true });
    await installProbe('loosened', probe);
    assert.deepEqual(await tried('loosened', 'trace-child'), ['done']);
    assert.match((await tried('loosened', ...groupCalls)).join(' '), reachedKernel);
    await containers.remove('loosened');
  });

  test('all flags of confinement together make one container that boots', async () => {
    await containers.create('all', {
      ...strict,
      userns: true,
      privateNetwork: true,
      networkVeth: true,
      noNewPrivileges: true,
      dropCapabilities: ['mknod'],
      capabilities: ['net_admin', 'sys_nice', 'sys_ptrace'],
      systemCallFilters: [...letThroughAndDenied, '~uselib'],
      started: true,
    });
    const { boundingSet, systemState, interfaces } = await insideFacts(containers, 'all');
    assert.equal(systemState, 'running');
    assert.deepEqual(interfaces, ['host0', 'lo']);
    const [mknod, netRaw, sysNice] = [1n << 27n, 1n << 13n, 1n << 23n];
    const added = netAdmin | netRaw | sysNice | (1n << 19n);
    assert.equal(boundingSet, (masks.strict | added) & ~mknod);
  });

  test('a call of a group that is denied gives EPERM, whatever else would let it through', async () => {
    await installProbe('all', probe);
    const calls = ['trace-child', ...groupCalls];
    assert.deepEqual(
      await tried('all', ...calls),
      calls.map(() => 'EPERM'),
    );
    await containers.remove('all');
  });
});
