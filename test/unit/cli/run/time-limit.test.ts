import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SdmeError } from '../../../../src/base/errors.ts';
import { withTimeLimit } from '../../../../src/cli/run/time-limit.ts';

/** Work that takes a moment and then does what its signal says. */
const moment = async (signal: AbortSignal): Promise<number> => {
  await delay(20);
  signal.throwIfAborted();
  return 0;
};
const never = new AbortController().signal;

test('work that is over in time gives its own code, however long the time is', async () => {
  for (const limit of [undefined, '10s', '30d', '1000w']) {
    assert.equal(await withTimeLimit(limit, never, moment), 0, limit);
  }
});

test('work that takes longer ends with the code of a timeout', async () => {
  assert.equal(await withTimeLimit('1ms', never, moment), 124);
});

test('an interrupt is told as such', async () => {
  const interrupted = new SdmeError('job.cancelled', 'interrupted, exiting');
  await assert.rejects(withTimeLimit('10s', AbortSignal.abort(interrupted), moment), interrupted);
});
