import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capabilitiesOfMask, capabilityMask, capabilityNames } from '../../../src/base/capabilities.ts';

test('capabilities are the bits that the kernel gives them', () => {
  assert.equal(capabilityNames.length, 41);
  assert.equal(capabilityNames.indexOf('CAP_SYS_ADMIN'), 21);
  assert.equal(capabilityNames.indexOf('CAP_CHECKPOINT_RESTORE'), 40);
  assert.equal(capabilityMask(['CAP_CHOWN', 'CAP_CHECKPOINT_RESTORE']), (1n << 40n) | 1n);
});

test('a mask is its capabilities and they are the mask; bits of a newer kernel are left out', () => {
  const all = (1n << 41n) - 1n;
  assert.deepEqual(capabilitiesOfMask(all | (1n << 50n)), [...capabilityNames]);
  assert.equal(capabilityMask(capabilitiesOfMask(0xa82405fbn)), 0xa82405fbn);
});
