import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemdProblem } from '../../../src/nspawn/systemd-floor.ts';

test('a systemd of 255 or later is good, whatever its distribution appends', () => {
  for (const version of ['255', '257.8-1~deb13u2', 'v256', '260-rc1']) {
    assert.equal(systemdProblem(version), undefined, version);
  }
});

test('an older systemd is refused, and its version said', () => {
  assert.equal(systemdProblem('252.36-1~deb12u1'), 'systemd 255 or later is required (found 252)');
  assert.equal(systemdProblem('unknown'), 'systemd 255 or later is required (found "unknown")');
});
