import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contracts } from '../../../src/contracts/index.ts';
import { loadedProfiles, profileProblem } from '../../../src/nspawn/apparmor.ts';
import { type HealthFacts, healthOf } from '../../../src/nspawn/container-health.ts';
import { execCommand, joinCommand, joinUser, logsCommand } from '../../../src/nspawn/exec-command.ts';
import { statusOf } from '../../../src/nspawn/listing.ts';
import { newRecord } from '../../../src/nspawn/new-record.ts';
import { formatRecord } from '../../../src/nspawn/record.ts';
import {
  chooseSubmounts,
  pathsIn,
  submountComponent,
  submountDirectory,
} from '../../../src/nspawn/submounts.ts';

const well: HealthFacts = {
  hasDirectory: true,
  hasReadableRecord: true,
  hasRootfs: true,
  activeState: 'active',
  probes: undefined,
  systemState: 'running',
};
const healths: readonly (readonly [Partial<HealthFacts>, string])[] = [
  [{}, 'ok'],
  [{ systemState: 'degraded' }, 'degraded'],
  [{ systemState: '' }, 'unknown'],
  [{ systemState: '\u001b[31mred' }, 'unknown'],
  [{ activeState: 'inactive', systemState: undefined }, 'ok'],
  [{ activeState: 'failed', systemState: undefined }, 'failed'],
  [{ hasDirectory: false, hasRootfs: false }, 'missing container dir,missing fs'],
  [{ hasReadableRecord: false }, 'unreadable state file'],
  [{ probes: ['ready', 'ready'] }, 'ready'],
  [{ probes: ['ready', 'not-ready'] }, 'not-ready'],
  [{ probes: [], systemState: undefined }, 'ok'],
];
for (const [facts, health] of healths) {
  test(`a container with ${JSON.stringify(facts)} is ${health}`, () => {
    assert.equal(healthOf({ ...well, ...facts }), health);
  });
}

test('states of a unit have the words of the listing', () => {
  const states = ['active', 'activating', 'deactivating', 'inactive', 'failed'];
  assert.deepEqual(states.map(statusOf), ['running', 'starting', 'stopping', 'stopped', 'stopped']);
});

test('exec passes streams through and names the user; hyphens belong to the command', () => {
  assert.deepEqual(execCommand({ container: 'web', user: 'joe', command: ['ls', '--all'] }), {
    program: 'systemd-run',
    args: [
      '--machine',
      'web',
      '--pipe',
      '--wait',
      '--quiet',
      '--collect',
      '--expand-environment=no',
      '--uid',
      'joe',
      '--',
      'ls',
      '--all',
    ],
  });
});

test('join runs a command as exec does, on a terminal of its own', () => {
  const how = { container: 'web', user: 'joe', command: ['ls', '--all'] };
  const { program, args } = execCommand(how);
  const onTerminal = args.map((word) => (word === '--pipe' ? '--pty' : word));
  assert.deepEqual(joinCommand(how), { program, args: onTerminal });
});

test('join opens a shell of a user, logs shows the unit', () => {
  assert.deepEqual(joinCommand({ container: 'web', user: 'joe', command: [] }).args, [
    'shell',
    '--quiet',
    '--uid',
    'joe',
    'web',
  ]);
  assert.deepEqual(logsCommand('sdme@web.service', ['-f']), {
    program: 'journalctl',
    args: ['-u', 'sdme@web.service', '-f'],
  });
});

test('a clone of the host is joined as who called sudo, unless told otherwise', () => {
  const facts = { wanted: undefined, isHostRoot: true, joinAsSudoUser: true, sudoUser: 'joe' };
  assert.equal(joinUser(facts), 'joe');
  assert.equal(joinUser({ ...facts, wanted: 'root' }), 'root');
  assert.equal(joinUser({ ...facts, isHostRoot: false }), undefined);
  assert.equal(joinUser({ ...facts, joinAsSudoUser: false }), undefined);
  assert.equal(joinUser({ ...facts, sudoUser: '--x' }), undefined);
});

test("a host's own file systems are overlaid in its clone, ours and the kernel's are not", () => {
  const mounts = [
    ['/', 'ext4'],
    ['/home', 'xfs'],
    ['/proc', 'proc'],
    ['/run/user/0', 'ext4'],
    ['/var/lib/sdme', 'ext4'],
    ['/var/lib/sdme/containers/web/merged', 'ext4'],
    ['/mnt/nfs', 'nfs4'],
    ['/mnt/a b', 'ext4'],
    ['/mnt/a,b', 'ext4'],
    ['/mnt/h\u00c3\u00a9', 'ext4'],
    ['/var/log/journal', 'ext4'],
    ['/var/logs', 'ext4'],
    ['/home', 'xfs'],
    ['/boot', 'ext4'],
  ].map(([mountPoint = '', fsType = '']) => ({ mountPoint, fsType }));
  assert.deepEqual(chooseSubmounts(mounts, ['/var/lib/sdme', '/var/log']), [
    '/boot',
    '/home',
    '/mnt/a b',
    '/mnt/hé',
    '/var/logs',
  ]);
});

test('what a clone must not see is hidden in the layer of the mount point that it lies in', () => {
  const mountPoints = ['/var', '/var/lib', '/var/lib/deep'];
  const hidden = ['/etc/systemd', '/var', '/var/log', '/var/lib/sdme', '/variable/x'];
  assert.deepEqual(pathsIn('/var', mountPoints, hidden), ['log']);
  assert.deepEqual(pathsIn('/var/lib', mountPoints, hidden), ['sdme']);
  assert.deepEqual(pathsIn('/var/lib/deep', mountPoints, hidden), []);
});

test('no component of a mount point is taken for a layer of another', () => {
  for (const [mountPoint, directory] of [
    ['/home', 'home'],
    ['/work/upper~/uppers', 'work~/upper~~/uppers'],
    ['/srv/merged/lower', 'srv/merged~/lower~'],
  ] as const) {
    assert.equal(submountDirectory(mountPoint), directory);
    const back = directory.split('/').map((name) => submountComponent(name));
    assert.equal(`/${back.join('/')}`, mountPoint);
  }
  for (const layer of ['upper', 'work', 'merged', 'lower', 'staged']) {
    assert.equal(submountComponent(layer), undefined);
  }
});

test('loaded AppArmor profiles are read without their mode', () => {
  assert.deepEqual(loadedProfiles('sdme-default (enforce)\n/usr/bin/man (complain)\n'), [
    'sdme-default',
    '/usr/bin/man',
  ]);
});

const wayOut = 'make the container with --apparmor-profile unconfined to run it without a profile';
const profiles: readonly (readonly [string, string | undefined, string | undefined])[] = [
  ['sdme-default', undefined, `AppArmor is not available on this system; ${wayOut}`],
  [
    'sdme-default',
    'mine (enforce)\n',
    `AppArmor profile 'sdme-default' is not loaded; load it with 'sdme config apparmor-profile --install', or ${wayOut}`,
  ],
  ['other', '', `AppArmor profile 'other' is not loaded; load it with apparmor_parser(8), or ${wayOut}`],
  ['mine', 'mine (enforce)\n', undefined],
  ['unconfined', undefined, undefined],
  ['unconfined', 'mine (enforce)\n', undefined],
];
for (const [profile, loaded, problem] of profiles) {
  test(`start with profile ${profile} where ${JSON.stringify(loaded)} is loaded: ${problem ?? 'goes on'}`, () => {
    assert.equal(profileProblem(profile, loaded), problem);
  });
}

const facts = {
  now: 1_700_000_000,
  isNixos: false,
  applications: [],
  settings: {
    host_rootfs_opaque_dirs: '/etc/systemd/system,/var/log',
    default_create_masked_services: 'systemd-resolved.service',
    hardened_drop_caps: 'CAP_SYS_PTRACE,CAP_NET_RAW,CAP_SYS_RAWIO,CAP_SYS_BOOT',
    restart_sec: 2,
    userns_nested_ranges: 0,
  },
};
const state = (input: Record<string, unknown>, settings: Partial<typeof facts.settings> = {}): string => {
  const parsed = contracts['container.create'].input.parse({ name: 'web', ...input });
  return formatRecord(newRecord(parsed, { ...facts, settings: { ...facts.settings, ...settings } }).record);
};

test('the state of a plain container has the agreed lines and no more', () => {
  assert.equal(
    state({ rootfs: 'debian' }),
    'CREATED=1700000000\nMASKED_SERVICES=systemd-resolved.service\nNAME=web\nROOTFS=debian\n',
  );
});

test('a clone of the host gets the opaque directories of the settings', () => {
  assert.match(state({}), /^OPAQUE_DIRS=\/etc\/systemd\/system,\/var\/log\nROOTFS=$/m);
  assert.doesNotMatch(state({ opaqueDirs: [] }), /OPAQUE_DIRS/);
});

test('flags become the exact lines of contract 2.2', () => {
  const lines = state({
    rootfs: 'debian',
    dropCapabilities: ['sys_ptrace', 'CAP_NET_RAW'],
    capabilities: ['net_admin'],
    noNewPrivileges: true,
    readOnly: true,
    systemCallFilters: ['~@mount', '~@raw-io'],
    apparmorProfile: 'sdme-test',
    userns: true,
    networkVeth: true,
    restart: 'OnFailure',
    enable: true,
    maskedServices: [],
  }).split('\n');
  for (const line of [
    'DROP_CAPS=CAP_SYS_PTRACE,CAP_NET_RAW',
    'ADD_CAPS=CAP_NET_ADMIN',
    'NO_NEW_PRIVS=yes',
    'READ_ONLY=yes',
    'SYSCALL_FILTER=~@mount,~@raw-io',
    'APPARMOR_PROFILE=sdme-test',
    'USERNS=yes',
    'PRIVATE_NETWORK=1',
    'NETWORK_VETH=1',
    'RESTART_POLICY=on-failure',
    'RESTART_SEC=2',
    'ENABLED=yes',
  ]) {
    assert.ok(lines.includes(line), `${line} in ${lines.join('|')}`);
  }
  assert.equal(
    lines.some((line) => line.startsWith('MASKED_SERVICES')),
    false,
  );
});

test('nested ranges widen the range of a container with users of its own, those of the settings too', () => {
  assert.match(state({ userns: true, usernsNested: 2 }), /^USERNS=yes\nUSERNS_RANGE=196608$/m);
  assert.match(state({ tier: 'strict' }, { userns_nested_ranges: 1 }), /^USERNS_RANGE=131072$/m);
  const none = { userns: true, usernsNested: 0 };
  assert.doesNotMatch(state(none, { userns_nested_ranges: 1 }), /USERNS_RANGE/);
  assert.doesNotMatch(state({ usernsNested: 2 }, { userns_nested_ranges: 1 }), /USERNS_RANGE/);
});

test('what the hardened tier drops is a setting, which the strict tier does not heed', () => {
  const hardened = { rootfs: 'debian', tier: 'hardened' };
  assert.match(state(hardened), /^DROP_CAPS=CAP_SYS_PTRACE,CAP_NET_RAW,CAP_SYS_RAWIO,CAP_SYS_BOOT$/m);
  assert.match(state(hardened, { hardened_drop_caps: 'syslog, CAP_BPF' }), /^DROP_CAPS=CAP_SYSLOG,CAP_BPF$/m);
  assert.doesNotMatch(state(hardened, { hardened_drop_caps: '' }), /DROP_CAPS/);
  const strict = { rootfs: 'debian', tier: 'strict' };
  assert.equal(state(strict, { hardened_drop_caps: '' }), state(strict));
});
