import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capabilityMask, parseCapabilityList } from '../../../src/base/capabilities.ts';
import { parseSettings } from '../../../src/config/load.ts';
import {
  dockerCapabilities,
  nspawnCapabilities,
  retainedCapabilities,
  strictDropCapabilities,
} from '../../../src/security/index.ts';

const plain = { privateNetwork: false, userns: false, added: [], dropped: [] } as const;
const hardened = parseCapabilityList(parseSettings({}, 'the defaults').hardened_drop_caps);
const tier = { ...plain, privateNetwork: true, userns: true };

test('a container keeps 26 capabilities, a hardened one 23 of them, a strict one 14', () => {
  const kept = (dropped: readonly (typeof nspawnCapabilities)[number][]): number =>
    nspawnCapabilities.filter((name) => !dropped.includes(name)).length;
  assert.deepEqual([kept([]), kept(hardened), kept(strictDropCapabilities)], [26, 23, 14]);
});

test('the bounding sets of the tiers, to the bit; a private network adds CAP_NET_ADMIN unless it is dropped', () => {
  assert.equal(capabilityMask(retainedCapabilities(plain)), 0xfdecafffn);
  assert.equal(capabilityMask(retainedCapabilities({ ...plain, privateNetwork: true })), 0xfdecbfffn);
  assert.equal(capabilityMask(retainedCapabilities({ ...tier, dropped: hardened })), 0xfda49fffn);
  assert.equal(
    capabilityMask(retainedCapabilities({ ...tier, dropped: strictDropCapabilities })),
    0xa82405fbn,
  );
});

test('what strict keeps is what Docker keeps, without NET_RAW and with SYS_ADMIN', () => {
  const kept = retainedCapabilities({ ...tier, dropped: strictDropCapabilities });
  assert.deepEqual(
    kept.filter((name) => !dockerCapabilities.includes(name)),
    ['CAP_SYS_ADMIN'],
  );
  assert.deepEqual(
    dockerCapabilities.filter((name) => !kept.includes(name)),
    ['CAP_NET_RAW'],
  );
});

test('users of their own in the network of the host cannot bind low ports', () => {
  const kept = retainedCapabilities({ ...plain, userns: true, added: ['CAP_NET_BIND_SERVICE'] });
  assert.equal(kept.includes('CAP_NET_BIND_SERVICE'), false);
  assert.equal(kept.length, 25);
});
