import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseChallenge, parseChallenges } from '../../../../src/oci/registry/challenges.ts';
import { parseTokenAnswer } from '../../../../src/oci/registry/tokens.ts';

const plain = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test('quoted commas, escapes, spaces and several challenges are understood (I4)', () => {
  assert.deepEqual(
    plain('Bearer realm="https://a.example/t,x",service="s \\"q\\"", scope="repository:a:pull,push"'),
    [['bearer', { realm: 'https://a.example/t,x', service: 's "q"', scope: 'repository:a:pull,push' }]],
  );
  assert.deepEqual(plain('Negotiate, Basic realm="x", BEARER realm = y ,service=z'), [
    ['negotiate', {}],
    ['basic', { realm: 'x' }],
    ['bearer', { realm: 'y', service: 'z' }],
  ]);
  assert.deepEqual(plain(''), []);
  assert.deepEqual(plain('"junk'), []);
});

test('Bearer is chosen before Basic, and one without a realm is none (I4)', () => {
  assert.equal(chooseChallenge(parseChallenges('Basic realm=x, Bearer realm=y'))?.scheme, 'bearer');
  assert.equal(chooseChallenge(parseChallenges('Bearer service=y, Basic realm=x'))?.scheme, 'basic');
  assert.equal(chooseChallenge(parseChallenges('Digest realm=x')), undefined);
});

test('any header is parsed in bounded time without throwing', () => {
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => void parseChallenges(text)));
  const begin = performance.now();
  parseChallenges(`Bearer ${'a="b\\'.repeat(50_000)}`);
  parseChallenges(' ,'.repeat(50_000));
  assert.ok(performance.now() - begin < 1000);
});

test('token and access_token serve, for a minute at least (I4)', () => {
  const answer = (value: unknown) => parseTokenAnswer(Buffer.from(JSON.stringify(value)), 1_000_000);
  assert.deepEqual(answer({ token: 'a' }), { header: 'Bearer a', expiresAt: 1_000_000 + 54_000 });
  assert.equal(answer({ access_token: 'b', expires_in: 3600 }).expiresAt, 1_000_000 + 3_590_000);
  for (const expires_in of [0, 1, 59]) {
    assert.equal(
      answer({ token: 'a', expires_in }).expiresAt,
      1_000_000 + 54_000,
      'never less than a minute',
    );
  }
  for (const bad of [
    {},
    { token: '' },
    { token: 'a\r\nX: y' },
    { token: 7 },
    [],
    'x',
    { token: 'a', expires_in: -1 },
  ]) {
    assert.throws(() => answer(bad), { code: 'oci.protocol' });
  }
  assert.throws(() => parseTokenAnswer(Buffer.from('<html>'), 0), { code: 'oci.protocol' });
});
