import assert from 'node:assert/strict';
import { test } from 'node:test';
import { supportedSystemd } from '../../../src/nspawn/systemd-floor.ts';

test('systemd from 255 on is new enough, by the leading digits of its version', () => {
  for (const [version, number] of [
    ['255', 255],
    ['v255', 255],
    ['257.8-1~deb13u2', 257],
    ['260~rc1', 260],
  ] as const) {
    assert.equal(supportedSystemd(version), number, version);
  }
  for (const [version, found] of [
    ['254.26', '254'],
    ['v99', '99'],
    ['unknown', '"unknown"'],
  ] as const) {
    assert.throws(() => supportedSystemd(version), {
      code: 'system.unsupported',
      message: `systemd 255 or later is required (found ${found})`,
    });
  }
});
