import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SdmeError } from '../../../src/base/errors.ts';
import { backoffMs, settleFailure } from '../../../workers/outcome.ts';

const retry = { attempts: 3, backoffMs: 100, maxBackoffMs: 1_000 };
const facts = { abortReason: undefined, attempt: 1, retry, random: 0.5 };
const network = new SdmeError('oci.network', 'the registry broke off');

test('a retryable error is tried again until the attempts are used up', () => {
  assert.deepEqual(settleFailure(network, facts), { do: 'retry', delayMs: 50, error: network });
  const last = settleFailure(network, { ...facts, attempt: 3 });
  assert.equal(last.do === 'end' && last.outcome.state, 'failed');
});

test('bad input and faults of our own are not tried again', () => {
  for (const thrown of [new SdmeError('input.invalid', 'x'), new TypeError('x'), 'text', undefined]) {
    const settlement = settleFailure(thrown, facts);
    assert.equal(settlement.do === 'end' && settlement.outcome.state, 'failed');
  }
});

test('a job that was told to end is cancelled, whatever its handler threw', () => {
  const abortReason = new SdmeError('job.cancelled', 'x');
  const settlement = settleFailure(network, { ...facts, abortReason });
  assert.equal(settlement.do === 'end' && settlement.outcome.state, 'cancelled');
});

test("a job that the worker's stop interrupted goes back, even with no attempts left", () => {
  const abortReason = new SdmeError('job.handed-back', 'x');
  assert.deepEqual(settleFailure(network, { ...facts, attempt: 3, abortReason }), { do: 'hand-back' });
});

test('a broken limit is judged as its own error says', () => {
  const of = (code: 'job.run-timeout' | 'job.no-progress') =>
    settleFailure(network, { ...facts, abortReason: new SdmeError(code, 'x') }).do;
  assert.equal(of('job.run-timeout'), 'end');
  assert.equal(of('job.no-progress'), 'retry');
});

test('a job does not wait for a registry that asks for more than an hour', () => {
  const after = (retryAfterMs: number) =>
    settleFailure(new SdmeError('oci.rate-limited', 'x', { retryAfterMs }), facts);
  assert.equal(after(3_600_000).do, 'retry');
  const settlement = after(86_400_000);
  assert.equal(settlement.do === 'end' && settlement.outcome.state, 'failed');
});

test('the backoff stays within its bounds, and never comes sooner than the other side asked', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.nat(5_000),
      (attempt, random, retryAfterMs) => {
        const error = new SdmeError('oci.rate-limited', 'x', { retryAfterMs });
        const delay = backoffMs(error, { attempt, retry, random });
        assert.ok(Number.isInteger(delay) && delay >= retryAfterMs);
        assert.ok(delay <= Math.max(retryAfterMs, retry.maxBackoffMs));
      },
    ),
  );
});
