import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packetPair, receivePacket, sendPacket } from '../../../src/system/descriptor-passing.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

test('messages keep their borders and carry an open file; the end is told', async () => {
  await using directory = await tempDir();
  const path = join(directory.path, 'x');
  writeFileSync(path, 'content');
  const [ours, theirs] = packetPair();
  const fd = openSync(path, 'r');
  sendPacket(ours, 'first', fd);
  sendPacket(ours, 'second');
  closeSync(fd);
  const first = receivePacket(theirs);
  assert.equal(first?.text, 'first');
  assert.equal(readFileSync(first?.fd ?? -1, 'utf8'), 'content');
  closeSync(first?.fd ?? -1);
  assert.deepEqual(receivePacket(theirs), { text: 'second', fd: undefined });
  closeSync(ours);
  assert.equal(receivePacket(theirs), undefined);
  closeSync(theirs);
});

test('a message to nobody is an error, not a signal', () => {
  const [ours, theirs] = packetPair();
  closeSync(theirs);
  assert.throws(() => sendPacket(ours, 'x'), { code: 'syscall', facts: { errno: 'EPIPE', op: 'sendmsg' } });
  closeSync(ours);
});
