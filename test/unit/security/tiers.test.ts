import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capabilityNames, parseCapability, parseCapabilityList } from '../../../src/base/capabilities.ts';
import { parseSettings } from '../../../src/config/load.ts';
import {
  expandSecurity as expand,
  parseApparmorProfile,
  parseSystemCallFilter,
  type SecurityExpansion,
  type SecurityRequest,
  strictDropCapabilities,
} from '../../../src/security/index.ts';

const { hardened_drop_caps: setting } = parseSettings({}, 'the defaults');

/** With the setting as it is when nobody changed it. */
function expandSecurity(wanted: SecurityRequest): SecurityExpansion {
  return expand(wanted, parseCapabilityList(setting));
}

const request: SecurityRequest = {
  tier: 'default',
  userns: false,
  privateNetwork: false,
  hasInterface: false,
  noNewPrivileges: false,
  readOnly: false,
  dropCapabilities: [],
  capabilities: [],
  systemCallFilters: [],
  apparmorProfile: undefined,
};

test('the default tier adds nothing', () => {
  assert.deepEqual(expandSecurity(request), {
    security: {
      userns: false,
      privateNetwork: false,
      noNewPrivileges: false,
      readOnly: false,
      dropCapabilities: [],
      addCapabilities: [],
      systemCallFilters: [],
      apparmorProfile: undefined,
    },
    notes: [],
  });
});

test('the hardened tier has its own user namespace and network and drops four capabilities', () => {
  const { security } = expandSecurity({ ...request, tier: 'hardened' });
  assert.deepEqual(
    [security.userns, security.privateNetwork, security.noNewPrivileges, security.readOnly],
    [true, true, true, false],
  );
  assert.deepEqual(security.dropCapabilities, [
    'CAP_SYS_PTRACE',
    'CAP_NET_RAW',
    'CAP_SYS_RAWIO',
    'CAP_SYS_BOOT',
  ]);
  assert.deepEqual(security.systemCallFilters, []);
});

test('the strict tier leaves what Docker does without NET_RAW, and SYS_ADMIN', () => {
  const { security } = expandSecurity({ ...request, tier: 'strict' });
  const left = capabilityNames.filter((name) => !security.dropCapabilities.includes(name));
  assert.equal(strictDropCapabilities.length, 27);
  assert.deepEqual(left, [
    'CAP_CHOWN',
    'CAP_DAC_OVERRIDE',
    'CAP_FOWNER',
    'CAP_FSETID',
    'CAP_KILL',
    'CAP_SETGID',
    'CAP_SETUID',
    'CAP_SETPCAP',
    'CAP_NET_BIND_SERVICE',
    'CAP_SYS_CHROOT',
    'CAP_SYS_ADMIN',
    'CAP_MKNOD',
    'CAP_AUDIT_WRITE',
    'CAP_SETFCAP',
  ]);
  assert.deepEqual(security.systemCallFilters, ['~@cpu-emulation', '~@debug', '~@obsolete', '~@raw-io']);
  assert.equal(security.apparmorProfile, 'sdme-default');
});

test('own filters and profile replace those of the strict tier', () => {
  const { security } = expandSecurity({
    ...request,
    tier: 'strict',
    systemCallFilters: ['~@mount'],
    apparmorProfile: 'mine',
  });
  assert.deepEqual(security.systemCallFilters, ['~@mount']);
  assert.equal(security.apparmorProfile, 'mine');
});

test('a capability asked for is taken out of the tier; own drops come first, each once', () => {
  const { security } = expandSecurity({
    ...request,
    tier: 'hardened',
    capabilities: ['sys_ptrace'],
    dropCapabilities: ['cap_mknod', 'CAP_NET_RAW'],
  });
  assert.deepEqual(security.addCapabilities, ['CAP_SYS_PTRACE']);
  assert.deepEqual(security.dropCapabilities, ['CAP_MKNOD', 'CAP_NET_RAW', 'CAP_SYS_RAWIO', 'CAP_SYS_BOOT']);
});

test('an interface keeps NET_RAW with a note, unless it was dropped by name', () => {
  const kept = expandSecurity({ ...request, tier: 'hardened', hasInterface: true });
  assert.equal(kept.security.dropCapabilities.includes('CAP_NET_RAW'), false);
  assert.match(kept.notes.join(), /retaining CAP_NET_RAW/);
  const dropped = expandSecurity({
    ...request,
    tier: 'hardened',
    hasInterface: true,
    dropCapabilities: ['NET_RAW'],
  });
  assert.equal(dropped.security.dropCapabilities.includes('CAP_NET_RAW'), true);
  assert.deepEqual(dropped.notes, []);
});

test('a link that nothing inside could set up is told of, with the way to keep it', () => {
  const linked = { ...request, tier: 'strict', hasInterface: true } as const;
  const { security, notes } = expandSecurity(linked);
  assert.ok(security.dropCapabilities.includes('CAP_NET_ADMIN'));
  assert.match(notes.join('\n'), /CAP_NET_ADMIN is dropped.*keep it with --capability CAP_NET_ADMIN$/);
  for (const more of [{ capabilities: ['net_admin'] }, { dropCapabilities: ['net_admin', 'net_raw'] }]) {
    const asked = expandSecurity({ ...linked, ...more });
    assert.doesNotMatch(asked.notes.join('\n'), /CAP_NET_ADMIN/, 'who decided it knows');
  }
});

test('a capability cannot be added and dropped', () => {
  assert.throws(
    () => expandSecurity({ ...request, capabilities: ['bpf'], dropCapabilities: ['CAP_BPF'] }),
    /capability CAP_BPF appears in both --capability and --drop-capability/,
  );
});

const refused: readonly (readonly [() => unknown, string])[] = [
  [() => parseCapability('CAP_FLY'), 'unknown capability: CAP_FLY'],
  [() => parseSystemCallFilter(''), 'system call filter cannot be empty'],
  [() => parseSystemCallFilter('~'), "system call filter cannot be just '~'"],
  [() => parseSystemCallFilter('@'), 'system call filter group name cannot be empty'],
  [() => parseSystemCallFilter('~@'), 'system call filter group name cannot be empty'],
  [() => parseSystemCallFilter('@a b'), "invalid character ' ' in system call filter group"],
  [() => parseSystemCallFilter('Mount'), 'invalid system call filter: Mount\nexpected a syscall name'],
  [() => parseSystemCallFilter('mount\n'), 'invalid system call filter'],
  [() => parseApparmorProfile(''), 'AppArmor profile name cannot be empty'],
  [() => parseApparmorProfile('a/b'), "invalid character '/' in AppArmor profile name"],
];
for (const [parse, says] of refused) {
  test(`refused: ${JSON.stringify(says)}`, () => {
    assert.throws(parse, (error) => error instanceof Error && error.message.includes(says));
  });
}
