import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chrootEnvironment, printableLine } from '../../../../src/rootfs/prepare/chroot.ts';
import { chrootScript } from '../../../../src/rootfs/prepare/chroot-script.ts';

test('commands in a tree see the machine’s proxies and nothing else of the worker’s environment', () => {
  const environment = chrootEnvironment({
    HTTPS_PROXY: 'http://p:1',
    no_proxy: 'x',
    TOKEN: 'secret',
    PATH: '/evil',
  });
  assert.equal(environment.https_proxy, 'http://p:1');
  assert.equal(environment.no_proxy, 'x');
  assert.equal(environment.DEBIAN_FRONTEND, 'noninteractive');
  assert.ok(!Object.values(environment).includes('secret'));
  assert.ok(!environment.PATH?.includes('evil'));
});

test('of a line that a program drew over, only its last state is logged', () => {
  assert.equal(printableLine('5%\r50%\r100% done\r'), '100% done');
  assert.equal(printableLine('a\u001b[31mb'), 'a [31mb');
  assert.equal(printableLine('\r\r'), '');
});

test('the capability to administer the system is dropped before anything of the tree runs', () => {
  const script = chrootScript();
  const last = script.trim().split('\n').at(-1) ?? '';
  assert.match(last, /^exec setpriv --bounding-set=-all,/);
  assert.doesNotMatch(last, /sys_admin|sys_ptrace|sys_module|net_admin/);
});
