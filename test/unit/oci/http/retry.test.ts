import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../../../src/base/errors.ts';
import { errorBodyText, networkFailure, statusFailure } from '../../../../src/oci/http/failures.ts';
import { defaultRetry, parseRetryAfter, retryDelay, withRetry } from '../../../../src/oci/http/retry.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

test('Retry-After is seconds or a date, and anything else is nothing (I10)', () => {
  assert.equal(parseRetryAfter('1', now), 1000);
  assert.equal(parseRetryAfter(' 86400 ', now), 86_400_000);
  assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now), 5000);
  assert.equal(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now), 0);
  for (const text of [undefined, '', '-1', '1.5', 'soon', '9'.repeat(30)]) {
    assert.equal(parseRetryAfter(text, now), undefined);
  }
});

test('a short Retry-After is waited for, a long one ends with the hint (I10)', () => {
  const limited = (after: string) => statusFailure(429, 'x', after, '', now);
  assert.equal(retryDelay(limited('1'), 1, defaultRetry, 0), 1000);
  assert.equal(retryDelay(limited('86400'), 1, defaultRetry, 0), undefined);
  assert.match(limited('86400').message, /come back in 86400 s/);
  assert.equal(limited('86400').retryAfterMs, 86_400_000);
  assert.equal(statusFailure(503, 'x', '2', '', now).retryAfterMs, 2000);
});

test('waits grow, have a ceiling, and end with the tries; what cannot get better is not tried again', () => {
  const broken = new SdmeError('oci.network', 'x');
  const waits = [1, 2, 3, 4, 5].map((tried) => retryDelay(broken, tried, defaultRetry, 1));
  assert.deepEqual(waits, [200, 400, 800, 1600, undefined]);
  assert.equal(retryDelay(broken, 9, { ...defaultRetry, tries: 20 }, 1), defaultRetry.maxMs);
  assert.equal(retryDelay(new SdmeError('oci.denied', 'x'), 1, defaultRetry, 1), undefined);
});

test('a pause ends at once with the reason when the signal aborts', async () => {
  const controller = new AbortController();
  const reason = new SdmeError('job.cancelled', 'x');
  const rules = { tries: 3, firstMs: 60_000, maxMs: 60_000, maxRetryAfterMs: 0 };
  const work = withRetry(
    rules,
    controller.signal,
    () => Promise.reject(new SdmeError('oci.network', 'x')),
    () => setImmediate(() => controller.abort(reason)),
  );
  await assert.rejects(work, (error) => error === reason);
});

test('what a registry says in an error is cut and escaped (I14)', () => {
  const body = (message: string) => Buffer.from(JSON.stringify({ errors: [{ code: 'X', message }] }));
  assert.equal(errorBodyText(body('a\u001b[2Jb\n')), 'X: a\\u{1b}[2Jb\\u{a}');
  assert.ok(errorBodyText(body('m'.repeat(100_000))).length < 300);
  assert.equal(errorBodyText(Buffer.from('<html>')), '');
  assert.equal(errorBodyText(Buffer.from('{"errors":[null]}')), '');
});

test('a certificate that is not trusted is said so and not tried again (I15)', () => {
  const cause = Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const error = networkFailure(cause, 'h:5000');
  assert.deepEqual([error.code, error.retryable], ['oci.network', false]);
  assert.match(error.message, /certs\.d\/h:5000\/ca\.crt/);
  assert.equal(networkFailure(Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'h').retryable, true);
});
