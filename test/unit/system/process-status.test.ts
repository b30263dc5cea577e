import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseInterfaces, parseProcessStatus } from '../../../src/system/process-status.ts';
import { isIdentityMap, parseUidMap } from '../../../src/system/uid-map.ts';

test('the limits of a process are read from its status', () => {
  const text =
    'Name:\tsystemd\nCapInh:\t0\nCapBnd:\t00000000a82405fb\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t5\n';
  assert.deepEqual(parseProcessStatus(text), {
    boundingSet: 0xa82405fbn,
    noNewPrivileges: true,
    seccompFilters: 5,
  });
});

test('a name with colons and lines that a kernel leaves out loosen nothing', () => {
  const old = parseProcessStatus('Name:\tSeccomp: 2\nCapBnd:\t0000000000000001\nSeccomp:\t2\n');
  assert.deepEqual(old, { boundingSet: 1n, noNewPrivileges: false, seccompFilters: 1 });
  const free = parseProcessStatus('Seccomp:\t0\nSeccomp_filters:\t0\n');
  assert.deepEqual(free, { boundingSet: 0xffffffffffffffffn, noNewPrivileges: false, seccompFilters: 0 });
});

test('user maps and interfaces are read line by line', () => {
  assert.deepEqual(parseUidMap('         0 1610612736      65536\n     65536 10 1\n'), [
    { inside: 0, outside: 1_610_612_736, size: 65_536 },
    { inside: 65_536, outside: 10, size: 1 },
  ]);
  assert.equal(isIdentityMap(parseUidMap('         0          0 4294967295\n')), true);
  assert.equal(isIdentityMap(parseUidMap('0 0 10\n10 100 5\n')), false);
  const dev = 'Inter-| Receive\n face |bytes\n    lo:       0       0\nhost0: 12 1\n  a:b: 1 2\n';
  assert.deepEqual(parseInterfaces(dev), ['lo', 'host0', 'a:b']);
});
