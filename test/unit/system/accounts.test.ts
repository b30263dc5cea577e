import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAccounts, parseSubordinateIds } from '../../../src/system/accounts.ts';

test('the ids of users and groups are read, and lines that have none passed over', () => {
  const text = 'root:x:0:0:root:/root:/bin/sh\n\n+::::::\nsquat:x:571211776:0::/:/bin/sh\nodd:x:-1:\n';
  assert.deepEqual(parseAccounts(text), [
    { base: 0, size: 1, by: 'root' },
    { base: 571_211_776, size: 1, by: 'squat' },
  ]);
});

test('ids given to users for namespaces of their own are theirs; what root has there is no account’s', () => {
  const text = 'ann:524288:65536\n1000:600000:10\nroot:1000000:1000000000\nbroken:1\n';
  assert.deepEqual(parseSubordinateIds(text), [
    { base: 524_288, size: 65_536, by: 'ann' },
    { base: 600_000, size: 10, by: '1000' },
  ]);
});
