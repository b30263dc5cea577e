import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../../../src/base/errors.ts';
import { type AnswerFacts, planBody } from '../../../../src/rootfs/download/answer.ts';
import { addressRule, nextUrl, startUrl } from '../../../../src/rootfs/download/redirects.ts';

const ok: AnswerFacts = { status: 200, contentLength: '100', contentRange: undefined, retryAfter: undefined };

test('a whole file is written from the start, also when a part was asked for', () => {
  assert.deepEqual(planBody('u', ok, 0, 0), { from: 0, total: 100 });
  assert.deepEqual(planBody('u', { ...ok, contentLength: undefined }, 40, 0), { from: 0, total: undefined });
});

test('a part is written where the last one ended, and only there', () => {
  const part = { ...ok, status: 206, contentLength: '60', contentRange: 'bytes 40-99/100' };
  assert.deepEqual(planBody('u', part, 40, 0), { from: 40, total: 100 });
  assert.throws(() => planBody('u', part, 50, 0), /another part/);
  assert.throws(() => planBody('u', { ...part, contentRange: undefined }, 40, 0), /another part/);
});

const statuses: readonly (readonly [number, string])[] = [
  [404, 'not-found'],
  [410, 'not-found'],
  [401, 'oci.denied'],
  [403, 'oci.denied'],
  [206, 'oci.protocol'],
  [418, 'oci.protocol'],
  [429, 'oci.network'],
  [500, 'oci.network'],
  [503, 'oci.network'],
];
for (const [status, code] of statuses) {
  test(`HTTP ${status} ends a first request with ${code}`, () => {
    assert.throws(
      () => planBody('u', { ...ok, status }, 0, 0),
      (error) => error instanceof SdmeError && error.code === code,
    );
  });
}

test('what a server asks for in Retry-After is kept', () => {
  assert.throws(
    () => planBody('u', { ...ok, status: 503, retryAfter: '2' }, 0, 0),
    (error) => error instanceof SdmeError && error.retryAfterMs === 2000,
  );
});

const refused: readonly (readonly [string, string | undefined])[] = [
  ['https://a.example/x', 'http://a.example/x'],
  ['https://a.example/x', 'file:///etc/passwd'],
  ['https://a.example/x', 'https://user:pw@b.example/'],
  ['http://a.example/x', undefined],
];
for (const [from, to] of refused) {
  test(`the redirect from ${from} to ${to} is not followed`, () => {
    assert.throws(
      () => nextUrl(new URL(from), to),
      (error) => error instanceof SdmeError && error.code === 'oci.protocol',
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

test('a redirect leads neither to this machine nor to link-local addresses', () => {
  const start = new URL('https://a.example/x');
  assert.equal(addressRule(start, new URL('https://a.example/y')), 'any');
  assert.equal(addressRule(start, new URL('https://b.example/y')), 'not-local');
  assert.equal(addressRule(new URL('http://127.0.0.1:1/'), new URL('http://127.0.0.1:2/')), 'not-link-local');
});
