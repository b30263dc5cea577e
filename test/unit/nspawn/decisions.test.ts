import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contracts } from '../../../src/contracts/index.ts';
import { loadedProfiles } from '../../../src/nspawn/apparmor.ts';
import { type HealthFacts, healthOf } from '../../../src/nspawn/container-health.ts';
import { execCommand, joinCommand, joinUser, logsCommand } from '../../../src/nspawn/exec-command.ts';
import { statusOf } from '../../../src/nspawn/listing.ts';
import { newRecord } from '../../../src/nspawn/new-record.ts';
import { formatRecord } from '../../../src/nspawn/record.ts';
import { chooseSubmounts } from '../../../src/nspawn/submounts.ts';

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
      '--uid',
      'joe',
      '--',
      'ls',
      '--all',
    ],
  });
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
    ['/home', 'xfs'],
    ['/boot', 'ext4'],
  ].map(([mountPoint = '', fsType = '']) => ({ mountPoint, fsType }));
  assert.deepEqual(chooseSubmounts(mounts, '/var/lib/sdme'), ['/boot', '/home']);
});

test('loaded AppArmor profiles are read without their mode', () => {
  assert.deepEqual(loadedProfiles('sdme-default (enforce)\n/usr/bin/man (complain)\n'), [
    'sdme-default',
    '/usr/bin/man',
  ]);
});

const facts = {
  now: 1_700_000_000,
  isNixos: false,
  applications: [],
  settings: {
    host_rootfs_opaque_dirs: '/etc/systemd/system,/var/log',
    default_create_masked_services: 'systemd-resolved.service',
    restart_sec: 2,
  },
};
const state = (input: Record<string, unknown>): string =>
  formatRecord(newRecord(contracts['container.create'].input.parse({ name: 'web', ...input }), facts).record);

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
