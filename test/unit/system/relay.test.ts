import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { drain } from '../../../src/system/exec/relay.ts';

/** Brings a chunk each turn of the event loop, as a pipe does that others still write to. */
function hundredChunks(): Readable {
  const chunks = Array.from({ length: 100 }, () => Buffer.alloc(1000));
  return new Readable({
    read() {
      setImmediate(() => this.push(chunks.pop() ?? null));
    },
  });
}

test('of what others write on after a program ended no more than a limit is passed on', {
  timeout: 10_000,
}, async () => {
  const stream = hundredChunks();
  let passed = 0;
  stream.on('data', (chunk: Buffer) => {
    passed += chunk.length;
  });
  await drain(stream, 50_000);
  assert.equal(passed, 50_000);
  assert.ok(stream.destroyed);
});

test('what is there already is passed on, and no more is waited for', { timeout: 10_000 }, async () => {
  const stream = new Readable({ read() {} });
  let passed = '';
  stream.on('data', (chunk: Buffer) => {
    passed += chunk;
  });
  stream.push('left');
  await drain(stream, 50_000);
  assert.equal(passed, 'left');
});
