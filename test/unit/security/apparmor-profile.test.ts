import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apparmorProfileText } from '../../../src/security/index.ts';

/** The rules of the profile's body, without their indentation and comma. */
const rules = apparmorProfileText
  .split('\n')
  .filter((line) => line.startsWith('  ') && !line.startsWith('  include '))
  .map((line) => line.trim().replace(/,$/, ''));

test('the profile names its ABI, its tunables, its flags and its abstractions', () => {
  const lines = apparmorProfileText
    .split('\n')
    .filter((line) => /^(?:abi|include|profile| {2}include) /.test(line));
  assert.deepEqual(lines, [
    'abi <abi/4.0>,',
    'include <tunables/global>',
    'profile sdme-default flags=(attach_disconnected,mediate_deleted) {',
    '  include <abstractions/base>',
    '  include <abstractions/nameservice>',
  ]);
});

test('the profile denies what root in a container could reach the host by, and nothing else', () => {
  assert.deepEqual(
    rules.filter((rule) => rule.startsWith('deny ')),
    [
      'deny /proc/sys/kernel/{modprobe,core_pattern,hostname,domainname,shmmax} w',
      'deny /proc/sysrq-trigger w',
      'deny /proc/kcore r',
      'deny /dev/{sd*,nvme*,vd*,loop*,mem,kmem,port} rw',
      'deny /lib/modules/** w',
      'deny /usr/lib/modules/** w',
    ],
  );
});

test('the profile allows whole what a full systemd needs: files, mounts, signals, networks, buses, capabilities', () => {
  assert.deepEqual(rules.filter((rule) => !rule.startsWith('deny ')).sort(), [
    'capability',
    'dbus',
    'file',
    'mount',
    'mqueue',
    'network',
    'pivot_root',
    'ptrace',
    'signal',
    'umount',
    'unix',
    'userns',
  ]);
});
