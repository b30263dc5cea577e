import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatRecord, hasInterface, isHostRoot, parseRecord } from '../../../src/nspawn/record.ts';

const full = `\
ADD_CAPS=CAP_NET_ADMIN
APPARMOR_PROFILE=sdme-test
BINDS=/srv:/srv:rw|/etc/x:/x:ro
BUILD_CONFIG_HASH=abc
CPUS=1.5
CREATED=1700000000
DROP_CAPS=CAP_SYS_PTRACE,CAP_NET_RAW
ENABLED=no
ENVS=A=1|B=x,y=z
MEMORY=512M
NAME=web
NETWORK_VETH=1
NO_NEW_PRIVS=yes
PORTS=tcp:8080:80,udp:53:53
PRIVATE_NETWORK=1
READ_ONLY=yes
ROOTFS=debian
SYSCALL_FILTER=~@mount,~@raw-io
USERNS=yes
USERNS_RANGE=196608
USERNS_SHIFT=524288
`;

test('a state file with every form of value is written back line for line, unknown keys too', () => {
  assert.equal(formatRecord(parseRecord(full)), full);
});

test('the values of a state file get their types', () => {
  const record = parseRecord(full);
  assert.deepEqual(record.BINDS[1], { host: '/etc/x', container: '/x', mode: 'ro' });
  assert.deepEqual(record.ENVS, ['A=1', 'B=x,y=z']);
  assert.equal(record.USERNS_RANGE, 196608);
  assert.equal(hasInterface(record), true);
  assert.equal(isHostRoot(record), false);
});

test('an empty ROOTFS is written and means the host', () => {
  const record = parseRecord('NAME=web\nROOTFS=\n');
  assert.equal(isHostRoot(record), true);
  assert.equal(formatRecord(record), 'NAME=web\nROOTFS=\n');
});

const damaged: readonly (readonly [string, RegExp])[] = [
  ['ROOTFS=\n', /NAME/],
  ['NAME=../x\nROOTFS=\n', /NAME: is not an object name/],
  ['NAME=web\nROOTFS=a/b\n', /ROOTFS/],
  ['NAME=web\nROOTFS=\nUSERNS_SHIFT=-1\n', /USERNS_SHIFT/],
  ['NAME=web\nROOTFS=\nBINDS=/a\n', /invalid bind format/],
  ['NAME=web\nnonsense\n', /line 2/],
];
for (const [text, says] of damaged) {
  test(`a state file is refused: ${JSON.stringify(text)}`, () =>
    assert.throws(() => parseRecord(text), says));
}

test('any list of environment variables survives the file', () => {
  const env = fc.tuple(fc.stringMatching(/^[A-Z_]{1,8}$/), fc.stringMatching(/^[ -{}~é,=%$]{0,12}$/));
  fc.assert(
    fc.property(fc.array(env, { maxLength: 5 }), (pairs) => {
      const ENVS = pairs.map(([key, value]) => `${key}=${value}`);
      const record = { ...parseRecord('NAME=web\nROOTFS=\n'), ENVS };
      assert.deepEqual(parseRecord(formatRecord(record)).ENVS, ENVS);
    }),
  );
});
