import assert from 'node:assert/strict';
import { test } from 'node:test';
import { securityLines } from '../../../src/cli/verbs/security-show.ts';
import { parseRecord } from '../../../src/nspawn/record.ts';
import { securityReport } from '../../../src/nspawn/security-report.ts';
import type { SecurityRow } from '../../../src/nspawn/security-rows.ts';
import { strictDropCapabilities } from '../../../src/security/index.ts';
import { type Confinement, namespaceKinds } from '../../../src/system/confinement.ts';

const strict = `\
APPARMOR_PROFILE=sdme-default
DROP_CAPS=${strictDropCapabilities.join(',')}
NO_NEW_PRIVS=yes
PRIVATE_NETWORK=1
SYSCALL_FILTER=~@debug,~@raw-io
USERNS=yes
USERNS_SHIFT=1610350592
USERNS_RANGE=65536
`;
/** What the kernel says of a strict container that is all that it should be. */
const confined: Confinement = {
  boundingSet: 0xa82405fbn,
  noNewPrivileges: true,
  seccompFilters: 5,
  userMap: [{ inside: 0, outside: 1_610_350_592, size: 65_536 }],
  ownNamespaces: new Set(namespaceKinds),
  interfaces: ['lo'],
  readOnlyRoot: false,
  readOnlySettings: true,
  apparmor: 'sdme-default (enforce)',
  cgroup: '/machine.slice/sdme@web.service/payload/init.scope',
  parentCommand: [],
};

function rowsOf(state: string, facts: Partial<Confinement>): Map<string, SecurityRow> {
  const record = parseRecord(`NAME=web\nROOTFS=debian\n${state}`);
  const { mechanisms } = securityReport(record, { ...confined, ...facts });
  return new Map(mechanisms.map((row) => [row.mechanism, row]));
}
const loose = (state: string, facts: Partial<Confinement>): string[] =>
  [...rowsOf(state, facts).values()].filter((row) => !row.as_asked).map(({ mechanism }) => mechanism);

test('a strict container that has what it asked for shows it, beside what Docker does unasked', () => {
  const record = parseRecord(`NAME=web\nROOTFS=debian\n${strict}`);
  assert.deepEqual(
    securityLines(securityReport(record, confined)).map((line) => line.trimEnd()),
    [
      'MECHANISM           ASKED FOR                IN FORCE                 DOCKER DEFAULT',
      'user namespace      own: root is 1610350592  own: root is 1610350592  no',
      'PID namespace       own                      own                      own',
      'IPC namespace       own                      own                      own',
      'hostname namespace  own                      own                      own',
      'mount namespace     own                      own                      own',
      'cgroup namespace    own                      own                      own',
      'network namespace   own: loopback only       own: lo                  own: bridge',
      'no new privileges   yes                      yes                      no',
      'capabilities        14                       14                       14',
      "system call filter  nspawn's and 2 more      yes: 5 programs          yes",
      'AppArmor profile    sdme-default             sdme-default (enforce)   docker-default',
      'read-only root      no                       no                       no',
      'kernel settings     read-only                read-only                read-only',
      "capabilities beyond Docker's: SYS_ADMIN",
      'capabilities of Docker not here: NET_RAW',
      'system call filters asked for: ~@debug ~@raw-io',
    ],
  );
});

/** A change in what the kernel says, and what is looser for it than a strict container asked for. */
const loosened: readonly (readonly [change: Partial<Confinement>, rows: readonly string[]])[] = [
  [{}, []],
  [{ boundingSet: 0xa82405fbn | (1n << 19n) }, ['capabilities']],
  [{ boundingSet: 0n }, []],
  [{ noNewPrivileges: false }, ['no new privileges']],
  [{ seccompFilters: 0 }, ['system call filter']],
  [{ apparmor: 'unconfined' }, ['AppArmor profile']],
  [{ apparmor: undefined }, ['AppArmor profile']],
  [{ apparmor: 'other (enforce)' }, ['AppArmor profile']],
  [{ readOnlySettings: false }, ['kernel settings']],
  [{ userMap: [{ inside: 0, outside: 0, size: 65_536 }] }, ['user namespace']],
  [{ userMap: [{ inside: 0, outside: 1_610_416_128, size: 65_536 }] }, ['user namespace']],
  [{ userMap: [{ inside: 0, outside: 1_610_350_592, size: 65_537 }] }, ['user namespace']],
  [{ userMap: [...confined.userMap, { inside: 65_536, outside: 0, size: 1 }] }, ['user namespace']],
  [{ userMap: [] }, ['user namespace']],
  [{ interfaces: ['lo', 'host0'] }, ['network namespace']],
  [{ interfaces: ['lo', 'eth0'] }, ['network namespace']],
  [{ interfaces: ['lo', 'sit0', 'ip6tnl0'] }, []],
  [
    { ownNamespaces: new Set() },
    [
      'user namespace',
      'PID namespace',
      'IPC namespace',
      'hostname namespace',
      'mount namespace',
      'cgroup namespace',
      'network namespace',
    ],
  ],
];
for (const [change, rows] of loosened) {
  const shown = JSON.stringify(change, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}` : value,
  );
  test(`with ${shown} in force, looser than asked for is: ${rows.join(', ') || 'nothing'}`, () => {
    assert.deepEqual(loose(strict, change), rows);
  });
}

test('a default container asks for little, and more than that in force is no harm', () => {
  assert.deepEqual(loose('', {}), []);
  assert.deepEqual(loose('', { ownNamespaces: new Set(['pid', 'ipc', 'uts', 'mnt', 'cgroup']) }), []);
});

test('of a link that was asked for host0 alone is expected; of a pod’s network nothing is known', () => {
  const linked = 'PRIVATE_NETWORK=1\nNETWORK_ZONE=lan\n';
  assert.deepEqual(loose(linked, { interfaces: ['lo', 'host0'] }), []);
  assert.deepEqual(loose(linked, { interfaces: ['lo', 'host0', 'eth0'] }), ['network namespace']);
  assert.deepEqual(loose('PRIVATE_NETWORK=1\nPOD=p\n', { interfaces: ['lo', 'eth0'] }), []);
  assert.deepEqual(loose('POD=p\n', { ownNamespaces: new Set(['pid', 'ipc', 'uts', 'mnt', 'cgroup']) }), [
    'network namespace',
  ]);
});

test('what a container may have made itself is named apart, where it can make interfaces at all', () => {
  const record = parseRecord('NAME=web\nROOTFS=debian\nPRIVATE_NETWORK=1\nNETWORK_VETH=1\n');
  const row = (boundingSet: bigint, made: readonly string[]) => {
    const interfaces = ['lo', 'host0', 'docker0', 'veth1', 'eth0'].slice(0, made.length + 2);
    const { mechanisms } = securityReport(record, { ...confined, boundingSet, interfaces }, { made });
    const found = mechanisms.find(({ mechanism }) => mechanism === 'network namespace');
    return [found?.in_force, found?.as_asked];
  };
  const netAdmin = 1n << 12n;
  assert.deepEqual(row(netAdmin, ['docker0', 'veth1']), ['own: lo, host0; made inside docker0, veth1', true]);
  assert.deepEqual(row(netAdmin, ['docker0', 'veth1', 'other']), [
    'own: lo, host0, eth0; made inside docker0, veth1',
    false,
  ]);
  assert.deepEqual(row(0n, ['docker0', 'veth1']), ['own: lo, host0, docker0, veth1', false]);
});

test('users of its own without a range in the record are anybody but the host’s root', () => {
  const asked = 'USERNS=yes\nPRIVATE_NETWORK=1\nDROP_CAPS=CAP_NET_ADMIN\n';
  assert.deepEqual(loose(asked, {}), []);
  const root = { inside: 1, outside: 0, size: 1 };
  assert.deepEqual(loose(asked, { userMap: [...confined.userMap, root] }), ['user namespace']);
});

test('a filter that nspawn was not told is named, and not in force', () => {
  const record = parseRecord(`NAME=web\nROOTFS=debian\n${strict}`);
  const row = securityReport(record, confined, { unheeded: ['~@debug'] }).mechanisms.find(
    ({ as_asked }) => !as_asked,
  );
  assert.deepEqual(
    [row?.mechanism, row?.in_force],
    ['system call filter', 'yes: 5 programs, without ~@debug'],
  );
});

test('a profile that was waived is shown as asked for and as not in force', () => {
  const without = rowsOf('APPARMOR_PROFILE=unconfined\n', { apparmor: undefined }).get('AppArmor profile');
  assert.deepEqual(
    [without?.asked_for, without?.in_force, without?.as_asked],
    ['unconfined', 'no: not in this kernel', true],
  );
  const waived = rowsOf('APPARMOR_PROFILE=unconfined\n', { apparmor: 'unconfined' }).get('AppArmor profile');
  assert.deepEqual([waived?.asked_for, waived?.in_force, waived?.as_asked], ['unconfined', 'no', true]);
});

test('networks and read-only roots are shown as they were asked for', () => {
  const network = (state: string): string | undefined =>
    rowsOf(state, {}).get('network namespace')?.asked_for;
  assert.equal(network(''), "the host's");
  assert.equal(network('PRIVATE_NETWORK=1\nNETWORK_VETH=1\n'), 'own: veth');
  assert.equal(network('PRIVATE_NETWORK=1\nNETWORK_ZONE=lan\n'), 'own: zone lan');
  assert.equal(network('POD=p\n'), 'own: pod p');
  assert.deepEqual(loose('READ_ONLY=yes\n', {}), ['read-only root']);
  assert.deepEqual(loose('READ_ONLY=yes\n', { readOnlyRoot: true }), []);
});

test('capabilities that the host has not itself are named', () => {
  const lines = securityLines(
    securityReport(parseRecord('NAME=web\nROOTFS=debian\n'), { ...confined, boundingSet: 0xfcecafffn }),
  );
  assert.ok(lines.includes('capabilities this host has not itself: SYS_RESOURCE'), lines.join('\n'));
});
