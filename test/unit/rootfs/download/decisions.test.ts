import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../../../src/base/errors.ts';
import { type AnswerFacts, planBody, retryAfterMs } from '../../../../src/rootfs/download/answer.ts';
import { nextUrl, startUrl } from '../../../../src/rootfs/download/redirects.ts';

const ok: AnswerFacts = { status: 200, contentLength: '100', contentRange: null, retryAfter: null };

test('a whole file is written from the start, also when a part was asked for', () => {
  assert.deepEqual(planBody('u', ok, 0, 0), { from: 0, total: 100 });
  assert.deepEqual(planBody('u', { ...ok, contentLength: null }, 40, 0), { from: 0, total: undefined });
});

test('a part is written where the last one ended, and only there', () => {
  const part = { ...ok, status: 206, contentLength: '60', contentRange: 'bytes 40-99/100' };
  assert.deepEqual(planBody('u', part, 40, 0), { from: 40, total: 100 });
  assert.throws(() => planBody('u', part, 50, 0), /another part/);
  assert.throws(() => planBody('u', { ...part, contentRange: null }, 40, 0), /another part/);
});

const statuses: readonly (readonly [number, string])[] = [
  [404, 'not-found'],
  [410, 'not-found'],
  [401, 'download.refused'],
  [403, 'download.refused'],
  [206, 'download.refused'],
  [429, 'download.network'],
  [500, 'download.network'],
  [503, 'download.network'],
];
for (const [status, code] of statuses) {
  test(`HTTP ${status} ends a first request with ${code}`, () => {
    assert.throws(
      () => planBody('u', { ...ok, status }, 0, 0),
      (error) => error instanceof SdmeError && error.code === code,
    );
  });
}

test('Retry-After is read as seconds and as a date', () => {
  assert.equal(retryAfterMs('2', 0), 2000);
  assert.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4000), 6000);
  assert.equal(retryAfterMs('soon', 0), undefined);
  assert.equal(retryAfterMs(null, 0), undefined);
});

const refused: readonly (readonly [string, string | null])[] = [
  ['https://a.example/x', 'http://a.example/x'],
  ['https://a.example/x', 'file:///etc/passwd'],
  ['https://a.example/x', 'https://user:pw@b.example/'],
  ['https://a.example/x', 'https://127.0.0.1/'],
  ['https://a.example/x', 'https://[::1]/'],
  ['http://a.example/x', 'http://localhost/'],
  ['http://a.example/x', 'http://169.254.169.254/latest'],
  ['http://127.0.0.1/x', 'http://169.254.169.254/latest'],
  ['http://a.example/x', null],
];
for (const [from, to] of refused) {
  test(`the redirect from ${from} to ${to} is not followed`, () => {
    assert.throws(
      () => nextUrl(new URL(from), to),
      (error) => error instanceof SdmeError && error.code === 'download.refused',
    );
  });
}

test('ordinary redirects are followed, relative ones too', () => {
  assert.equal(nextUrl(new URL('http://a.example/x/y'), '../z').href, 'http://a.example/z');
  assert.equal(nextUrl(new URL('http://a.example/'), 'https://b.example/').href, 'https://b.example/');
  assert.equal(nextUrl(new URL('http://127.0.0.1:1/'), 'http://127.0.0.1:2/').href, 'http://127.0.0.1:2/');
});

test('a download begins with a plain http or https URL', () => {
  assert.equal(startUrl('https://a.example/x').host, 'a.example');
  for (const url of ['ftp://a.example/', 'https://user:pw@a.example/', 'nonsense']) {
    assert.throws(() => startUrl(url), /SdmeError/);
  }
});
