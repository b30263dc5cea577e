import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xattrFate } from '../../../../src/rootfs/unpack/xattr-rules.ts';

const fates = {
  set: ['user.mime', 'user.a.b', 'security.capability'],
  drop: [
    'security.selinux',
    'security.ima',
    'security.evm',
    'system.nfs4_acl',
    'trusted.overlay.opaque',
    'user.overlay.redirect',
  ],
  'drop-with-note': ['trusted.x', 'security.apparmor', 'system.posix_acl_access', 'user.', 'weird', ''],
} as const;

for (const [fate, names] of Object.entries(fates)) {
  test(`D9-D15 ${names.join(', ')}: ${fate}`, () => {
    for (const name of names) assert.equal(xattrFate(name), fate, name);
  });
}
