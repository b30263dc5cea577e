import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { outsideTestHost } from '../helpers/container-host.ts';
import { debianTree } from '../helpers/debian-image.ts';
import { debianPrograms } from '../helpers/debian-programs.ts';
import { letThrough, letThroughAndDenied, reachedKernel } from '../helpers/denied-groups.ts';
import { layoutFiles, testImage, writeFiles } from '../helpers/oci-image.ts';
import { programPath } from '../helpers/probe.ts';
import { look, readLook } from '../helpers/workload-look.ts';
import { openWorkloadStage, type WorkloadStage } from '../helpers/workload-stage.ts';

/** A service of the base that shares the container with the workloads. */
const sidecar = `[Service]
ExecStart=/bin/sh -c 'ipcmk -M 64; echo sidecar > /dev/shm/sidecar; exec sleep 12345'
[Install]
WantedBy=multi-user.target
`;
const baseFiles = {
  'etc/systemd/system/sidecar.service': sidecar,
  'etc/systemd/system/multi-user.target.wants/sidecar.service': '-> ../sidecar.service',
};

/** Docker's capabilities, what every workload of root has (security model, Part 2), and those of the tiers. */
const docker = 0xa80425fbn;

const withoutRaw = docker & ~(1n << 13n);

/** By default the calls of the groups that strict denies are let through, to show that it denies them there. */
const filterFlags = (filters: readonly string[]): string[] =>
  filters.flatMap((filter) => ['--system-call-filter', filter]);

const hasAppArmor = existsSync('/sys/kernel/security/apparmor/profiles');
const tiers = [
  { tier: 'default', flags: filterFlags(letThrough), capabilities: docker },
  {
    tier: 'hardened',
    flags: ['--hardened', '--drop-capability', 'setfcap'],
    capabilities: withoutRaw & ~(1n << 31n),
  },
  {
    tier: 'strict',
    flags: [
      '--strict',
      ...(hasAppArmor ? [] : ['--apparmor-profile', 'unconfined']),
      ...filterFlags(letThroughAndDenied),
    ],
    capabilities: withoutRaw,
  },
] as const;

describe('what a workload sees', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack();
  let stage: WorkloadStage;
  before(async () => {
    stage = stack.use(await openWorkloadStage('workload-view', baseFiles));
    const busybox = await readFile(join(await debianTree('servers'), 'bin/busybox'));
    const files = {
      ...(await debianPrograms('ipcs', 'setarch')),
      busybox,
      probe: await readFile(await programPath('probe')),
      look,
      'usr/lib/modules/x': 'module\n',
      'etc/hosts': 'of the image\n',
    };
    // Two applications in one rootfs: the second is put on what the first was put on.
    for (const [name, user, base] of [
      ['first', '', 'base'],
      ['second', '1000:1000', 'first'],
    ] as const) {
      const config = { Entrypoint: ['/busybox', 'sh', '/look'], Cmd: null, User: user };
      const image = await testImage({ layers: [files], executable: Object.keys(files), config });
      await writeFiles(join(stage.dir, name), layoutFiles([image]));
      await stage.sdme.ok('fs', 'import', join(stage.dir, name), '--name', name, '--base-fs', base);
    }
  });
  after(() => stack.disposeAsync());

  for (const { tier, flags, capabilities } of tiers) {
    describe(`in the tier ${tier}`, () => {
      const container = `view-${tier}`;
      const seen = new Map<string, ReadonlyMap<string, string>>();
      /** A part of what an application wrote. */
      const part = (application: string, title: string): string =>
        seen.get(application)?.get(title) ?? assert.fail(`${application} wrote no '${title}'`);
      const field = (application: string, key: string): string =>
        new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(part(application, 'status'))?.[1] ?? '';
      const mask = (application: string, key: string): bigint => BigInt(`0x${field(application, key)}`);
      const both = ['first', 'second'] as const;

      before(async () => {
        await stage.sdme.ok('create', container, '-r', 'second', ...flags, '--started');
        for (const application of both) {
          const file = stage.merged(container, `oci/apps/${application}/root/tmp/look`);
          const text = (): Promise<string> => readFile(file, 'utf8').catch(() => '');
          await stage.until('its look', container, application, async () => {
            const parts = readLook(await text());
            if (parts !== undefined) seen.set(application, parts);
            return parts !== undefined;
          });
        }
      });
      after(async () => void (await stage.sdme.ok('rm', container)));

      test('PID and IPC namespaces are its own; network, host name and users are the container’s', async () => {
        const outer = (
          await stage.inside(
            container,
            'sh',
            '-c',
            'for n in pid ipc net uts user mnt; do readlink /proc/1/ns/$n; done',
          )
        ).split('\n');
        const [first = [], second = []] = both.map((one) => part(one, 'namespaces').split('\n'));
        for (const index of [0, 1, 5]) {
          const three = [outer[index], first[index], second[index]];
          assert.equal(new Set(three).size, 3, `${three}`);
        }
        assert.deepEqual(first.slice(2, 5), outer.slice(2, 5));
        assert.deepEqual(second.slice(2, 5), outer.slice(2, 5));
        const users = await stage.inside(container, 'cat', '/proc/self/uid_map');
        for (const one of both) {
          const [pid, map] = part(one, 'ids').split('\n').slice(3);
          assert.equal(pid, '2', 'PID 1 is what stops and reaps it');
          assert.deepEqual(map?.trim().split(/\s+/), users.split(/\s+/));
        }
        const links = await stage.inside(container, 'ls', '/sys/class/net');
        if (tier !== 'default') assert.deepEqual([links, users.split(/\s+/)[1] === '0'], ['lo', false]);
      });

      test('the capabilities of root are Docker’s without those the container lost; a user has none', () => {
        for (const set of ['CapPrm', 'CapEff', 'CapBnd']) assert.equal(mask('first', set), capabilities, set);
        for (const set of ['CapInh', 'CapAmb']) assert.equal(mask('first', set), 0n, set);
        assert.equal(mask('second', 'CapBnd'), capabilities);
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
          assert.equal(mask('second', set), 0n, set);
        for (const one of both) assert.equal(mask(one, 'CapBnd') & (1n << 21n), 0n, 'no CAP_SYS_ADMIN');
        assert.match(part('second', 'ids'), /^1000\n1000\n1000\n2\n/);
      });

      test('what the container drops, the units of its applications drop too', async () => {
        const dropped = { default: [], hardened: ['cap_net_raw', 'cap_setfcap'], strict: ['cap_net_raw'] }[
          tier
        ];
        for (const one of both) {
          const kept = (await stage.unit(container, one, 'CapabilityBoundingSet')).split(' ');
          assert.deepEqual(
            ['cap_net_raw', 'cap_setfcap'].filter((name) => !kept.includes(name)),
            dropped,
          );
          assert.ok(kept.includes('cap_sys_admin'), 'isolate drops it itself');
        }
      });

      test('no_new_privs is set, and system calls are filtered', () => {
        for (const one of both) {
          assert.equal(field(one, 'NoNewPrivs'), '1');
          assert.equal(field(one, 'Seccomp'), '2');
          assert.match(part(one, 'calls'), /^(\S+ EPERM\n?){5}$/);
          const groups = part(one, 'groups')
            .replaceAll(/\S+ (\w+)\n?/g, '$1 ')
            .trim();
          if (tier === 'default') assert.match(groups, reachedKernel);
          if (tier === 'strict') assert.equal(groups, 'EPERM EPERM EPERM EPERM');
        }
      });

      test('of /proc it sees its own processes and nothing of the kernel', () => {
        for (const one of both) {
          const names = part(one, 'proc').split('\n');
          assert.deepEqual(
            names.filter((name) => !/^[0-9]+$/.test(name)),
            ['self', 'thread-self'],
          );
          const processes = part(one, 'processes').split('\n');
          for (const line of processes)
            assert.match(line, /^\/busybox |^\/usr\/sbin\/sdme-isolate |^$|can't open/);
          assert.match(part(one, 'settings'), /core_pattern: nonexistent directory[\s\S]*sysrq-trigger/);
        }
      });

      test('of files it sees its image’s, and nothing of the container or of the other application', () => {
        for (const one of both) {
          assert.match(part(one, 'root'), /^busybox$/m);
          assert.doesNotMatch(part(one, 'root'), /^oci$/m);
          assert.match(part(one, 'up'), /(No such file[\s\S]*){3}/);
          assert.match(part(one, 'bus'), /No such file[\s\S]*No such file/);
          assert.match(part(one, 'journal'), /(No such file[\s\S]*){3}/);
        }
      });

      test('it shares neither memory, queues nor terminals with services of the container or applications', () => {
        for (const one of both) {
          assert.equal(part(one, 'shared'), '/dev/pts:\nptmx\n\n/dev/shm:\n0');
        }
        assert.equal(part('first', 'own'), 'written');
        assert.match(part('second', 'own'), /^\S+ line \d+: can't create \/run\/mine: Permission denied$/);
        assert.equal(part('first', 'terminal'), 'opened\nptmx');
        assert.match(part('second', 'mqueue'), /Permission denied/);
        assert.equal(part('first', 'mqueue'), '');
      });

      test('names resolve as in the container, whatever the image brought', async () => {
        const expected = await stage.inside(
          container,
          'sh',
          '-c',
          'cat /etc/hosts /etc/resolv.conf; hostname',
        );
        for (const one of both) assert.equal(part(one, 'names'), expected);
        assert.match(expected, new RegExp(`localhost ${container}`));
      });

      const refused: readonly (readonly [title: string, says: RegExp])[] = [
        ['cgroup', /Read-only file system[\s\S]*Read-only file system/],
        // In a network of its own the container's /sys has no connections of FUSE.
        ['sysfs', /(Read-only file system|nonexistent directory)[\s\S]*Read-only file system/],
        ['dev', /(Read-only file system[\s\S]*){2}/],
        ['clock', /can't set date: Operation not permitted[\s\S]*adjtimex: .*Operation not permitted/],
        ['modules', /insmod: can't insert '\/tmp\/m.ko': Operation not permitted/],
        [
          'kernel log',
          /dmesg: klogctl: Operation not permitted[\s\S]*(kmsg'?: (No such|Operation|Permission|Can)[\s\S]*){2}/,
        ],
        ['mount', /permission denied|Operation not permitted/],
        ['user namespace', /Operation not permitted/],
        ['set-uid', /Operation not permitted/],
        ['personality', /Operation not permitted/],
        ['disk', /Operation not permitted/],
      ];
      for (const [title, says] of refused) {
        test(`kept from root: ${title}`, () => {
          assert.match(part('first', title), says);
        });
      }
      test('modules of the kernel are not shown', () => {
        assert.doesNotMatch(part('first', 'modules'), /^x$/m);
      });

      test('a command beside it is held as it is: the same capabilities, root and system calls', async () => {
        const words = `/busybox cat /proc/self/status; ${['unshare -U', 'mount -t tmpfs none', 'ls'].join(' /tmp; /busybox ')}`;
        const beside = await stage.sdme.run(
          'exec',
          container,
          '--oci',
          'first',
          '--',
          '/busybox',
          'sh',
          '-c',
          words,
        );
        const sets = (status: string): string[] =>
          status.split('\n').filter((line) => /^Cap|^NoNew/.test(line));
        assert.deepEqual(sets(beside.stdout), sets(part('first', 'status')));
        assert.match(beside.stderr, /^(.*(Operation not permitted|permission denied)[^\n]*\n){2}$/);
      });

      test('a service of the base runs beside the workloads, sees them, and is not seen', async () => {
        const units = ['sidecar', 'dbus', 'sdme-oci-first', 'sdme-oci-second'];
        assert.equal(
          await stage.inside(container, 'systemctl', 'is-active', ...units),
          units.map(() => 'active').join('\n'),
        );
        const outside = await stage.inside(container, 'sh', '-c', 'ps -eo args; ipcs -m; ls /dev/shm');
        assert.match(outside, /^sleep 12345$/m);
        assert.match(outside, /^\/busybox sleep 100000$/m);
        assert.match(outside, /^0x[0-9a-f]+ .* 64 /m);
        assert.match(outside, /^sidecar$/m);
        for (const one of both) assert.doesNotMatch(part(one, 'processes'), /12345/);
      });
    });
  }
});
