import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SdmeError } from '../../../src/base/errors.ts';
import { limitsOf, watchLimits } from '../../../workers/limits.ts';
import { waitFor } from '../../helpers/wait-for.ts';

test("a job's own limits go before those of its kind", () => {
  const kind = { limits: { queueMs: 1, runMs: 2, noProgressMs: 3 } };
  assert.deepEqual(limitsOf(kind, {}), kind.limits);
  assert.deepEqual(limitsOf(kind, { limits: { runMs: 9 } }), { queueMs: 1, runMs: 9, noProgressMs: 3 });
});

test('silence and run time are told apart, and signs of progress put silence off', async () => {
  const reasons: string[] = [];
  const abort = (reason: SdmeError): void => {
    reasons.push(reason.code);
  };
  const began = performance.now();
  using watch = watchLimits({ runMs: 400, noProgressMs: 120 }, abort);
  watch.begin();
  await waitFor('250 ms of signs', () => {
    watch.sign();
    return performance.now() - began > 250;
  });
  assert.deepEqual(reasons, []);
  await waitFor('both limits', () => reasons.length === 2);
  assert.deepEqual(reasons, ['job.no-progress', 'job.run-timeout']);
});

test('a job that waits for a slot is not silent', async () => {
  const reasons: string[] = [];
  using watch = watchLimits({ runMs: 60_000, noProgressMs: 40 }, (reason) => reasons.push(reason.code));
  watch.begin();
  const began = performance.now();
  {
    using _excuse = watch.excuse();
    await waitFor('150 ms', () => performance.now() - began > 150);
    assert.deepEqual(reasons, []);
  }
  await waitFor('silence afterwards', () => reasons.length === 1);
});
