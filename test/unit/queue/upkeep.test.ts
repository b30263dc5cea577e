import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPassing } from '../../../src/queue/insist.ts';
import { isCount, isReadable } from '../../../src/queue/upkeep.ts';

test('a field of BullMQ is readable when BullMQ does not fail on it', () => {
  assert.ok(isReadable('data', 'null'));
  assert.ok(isReadable('opts', '{}'));
  assert.ok(!isReadable('opts', 'null'));
  assert.ok(!isReadable('opts', '1'));
  assert.ok(!isReadable('data', '{'));
  assert.ok(!isReadable('parent', ''));
});

test('a count of BullMQ is one that its scripts can add to', () => {
  for (const text of ['0', '7', '-3', '123456789012345']) assert.ok(isCount(text), text);
  for (const text of ['', 'x', '1e3', ' 1', '1.5', '007', '9'.repeat(30)]) assert.ok(!isCount(text), text);
});

test('only errors that pass by themselves are insisted on', () => {
  for (const text of [
    'OOM command not allowed',
    'LOADING Redis is loading',
    'READONLY You can',
    'MISCONF x',
  ]) {
    assert.ok(isPassing(new Error(text)), text);
  }
  for (const text of ['WRONGTYPE Operation', 'ERR unknown', 'NOPERM x', 'ROOM']) {
    assert.ok(!isPassing(new Error(text)), text);
  }
});
