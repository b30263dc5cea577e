import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInBackground } from '../../../src/system/exec/terminals.ts';

test('a process is in the background when its terminal is another group’s, whatever it is called', () => {
  const stat = (group: number, foreground: number, name = 'node'): string =>
    `12 (${name}) S 1 ${group} 10 34816 ${foreground} 4194304 0`;
  assert.equal(isInBackground(stat(12, 12)), false);
  assert.equal(isInBackground(stat(12, 15)), true);
  assert.equal(isInBackground(stat(12, 15, ') S 1 15 15 (')), true);
  assert.equal(isInBackground(stat(12, -1)), false, 'it has no terminal');
});
