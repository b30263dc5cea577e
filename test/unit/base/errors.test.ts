import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  describeError,
  fromErrorRecord,
  SdmeError,
  toErrorRecord,
  toSdmeError,
} from '../../../src/base/errors.ts';

test('what failed first is the error, also when undoing it failed too', async () => {
  const first = new SdmeError('disk.full', 'no room', { facts: { free: 0 }, cause: new Error('ENOSPC') });
  const work = async (): Promise<void> => {
    await using undo = new AsyncDisposableStack();
    undo.defer(() => Promise.reject(new Error('device is busy')));
    undo.defer(() => Promise.reject(new SdmeError('in-use', 'cannot unmount')));
    throw first;
  };
  const thrown: unknown = await work().catch((error: unknown) => error);
  const error = toSdmeError(thrown);
  assert.deepEqual([error.code, error.message, error.facts], ['disk.full', 'no room', { free: 0 }]);
  const text = describeError(thrown);
  for (const part of ['no room: ', 'ENOSPC', 'cannot unmount', 'device is busy'])
    assert.ok(text.includes(part), text);
});

test('an error alone of undoing is that error', () => {
  const error = new SdmeError('in-use', 'cannot unmount');
  assert.equal(toSdmeError(error), error);
});

test('an error keeps code, facts and causes through its record', () => {
  const cause = new Error('inner', { cause: new Error('innermost') });
  const error = new SdmeError('oci.network', 'broke off', {
    cause,
    retryable: false,
    facts: { status: 500 },
  });
  const record = toErrorRecord(error);
  assert.deepEqual(record.causes, ['inner', 'innermost']);
  assert.deepEqual(toErrorRecord(fromErrorRecord(record)), record);
});

test('what is none of ours becomes internal, with the cause kept', () => {
  assert.deepEqual(toErrorRecord(new TypeError('odd')), {
    code: 'internal',
    message: 'odd',
    retryable: false,
    causes: ['odd'],
  });
  assert.equal(toSdmeError('text').message, 'text');
});
