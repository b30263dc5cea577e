import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copiesItself, isWithin } from '../../../src/rootfs/copy/source.ts';
import { keepsXattr } from '../../../src/rootfs/copy/xattr-rules.ts';

test('a path is within a directory by components, not by the letters it begins with', () => {
  assert.ok(isWithin('/srv/a/b', '/srv/a'));
  assert.ok(isWithin('/srv/a', '/srv/a'));
  assert.ok(isWithin('/srv', '/'));
  assert.ok(!isWithin('/srv/ab', '/srv/a'));
  assert.ok(!isWithin('/srv', '/srv/a'));
});

const here = { source: '/', sourceDevice: 1, store: '/var/lib/sdme', storeDevice: 1 };

test('a directory that holds the store is not copied, unless the store is on another file system', () => {
  assert.ok(copiesItself(here));
  assert.ok(copiesItself({ ...here, source: '/var/lib/sdme' }));
  assert.ok(!copiesItself({ ...here, storeDevice: 2 }));
  assert.ok(!copiesItself({ ...here, source: '/var/lib/sdme/fs/debian' }));
  assert.ok(!copiesItself({ ...here, source: '/srv/tree' }));
});

test('capabilities and ACLs are kept, labels and overlay marks are not', () => {
  for (const name of ['security.capability', 'user.note', 'system.posix_acl_access'])
    assert.ok(keepsXattr(name));
  const dropped = ['security.selinux', 'security.ima', 'trusted.overlay.opaque', 'user.overlay.whiteout'];
  for (const name of dropped) assert.ok(!keepsXattr(name), name);
});
