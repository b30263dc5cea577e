import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../../src/base/errors.ts';
import { toQueueError } from '../../../src/queue/unavailable.ts';

const target = { url: 'rediss://user:secret@queue.example:6380/0' };

test('a lost, full or unready server is an unavailable queue, named without its password', () => {
  const lost = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  for (const error of [
    lost,
    new Error('Command timed out'),
    new Error('Connection is closed.'),
    new Error("OOM command not allowed when used memory > 'maxmemory'."),
    new Error('MISCONF Errors writing to the AOF file: No space left on device'),
    new Error('LOADING Redis is loading the dataset in memory'),
  ]) {
    const ours = toQueueError(error, target);
    assert.equal(ours.code, 'queue.unavailable', error.message);
    assert.equal(ours.retryable, true);
    assert.match(ours.message, /queue\.example:6380/);
    assert.doesNotMatch(ours.message, /secret/);
    assert.equal(ours.cause, error);
  }
});

test('our own errors stay as they are, others are faults of ours', () => {
  const own = new SdmeError('not-found', 'job not found: x');
  assert.equal(toQueueError(own, target), own);
  assert.equal(toQueueError(new Error('ERR wrong number of arguments'), target).code, 'internal');
});
