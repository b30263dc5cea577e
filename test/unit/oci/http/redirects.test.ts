import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AddressRule,
  addressAllowed,
  guardedLookup,
  isLoopback,
} from '../../../../src/oci/http/addresses.ts';
import { type HomeHost, isHome, maxRedirects, redirectTarget } from '../../../../src/oci/http/redirects.ts';
import { checkRealm } from '../../../../src/oci/registry/tokens.ts';

const remote: HomeHost = { host: 'reg.example', insecure: false };
const insecure: HomeHost = { host: 'reg.example:5000', insecure: true };
const local: HomeHost = { host: '127.0.0.1:5000', insecure: false };
const refused = { code: 'oci.protocol' } as const;

function follow(home: HomeHost, scheme: string, location: string | undefined, hops = 0): string {
  return redirectTarget(new URL(`${scheme}://${home.host}/v2/x`), location, hops, home).href;
}

test('redirects to other hosts over https are followed, without login data and fragments (I1)', () => {
  assert.equal(follow(remote, 'https', 'https://u:p@cdn.example/b?x=1#f'), 'https://cdn.example/b?x=1');
  assert.equal(follow(remote, 'https', '/other'), 'https://reg.example/other');
});

test('redirects to files, local addresses, http and nowhere are refused (I2)', () => {
  for (const location of [
    'file:///etc/shadow',
    'ftp://x/y',
    'data:text/plain,x',
    'http://cdn.example/b',
    'http://reg.example/b',
    'https://169.254.169.254/latest',
    'https://[fe80::1]/x',
    'https://[::ffff:169.254.169.254]/x',
    'https://127.0.0.1/x',
    'https://localhost:8080/x',
    'https://[::1]/x',
    'https://0.0.0.0/x',
    'https://2130706433/x',
    'https://100.100.100.200/x',
    'https://',
    undefined,
  ]) {
    assert.throws(() => follow(remote, 'https', location), refused, String(location));
  }
});

test('a loopback registry may redirect on loopback, but not to link-local addresses or plain http elsewhere', () => {
  assert.equal(follow(local, 'http', 'http://localhost:7000/b'), 'http://localhost:7000/b');
  for (const location of ['http://169.254.169.254/x', 'http://cdn.example/x']) {
    assert.throws(() => follow(local, 'http', location), refused);
  }
});

test('insecure is for one host, not for where it redirects or sends for tokens (I15)', () => {
  assert.equal(follow(insecure, 'http', 'http://reg.example:5000/b'), 'http://reg.example:5000/b');
  assert.throws(() => follow(insecure, 'http', 'http://other.example/b'), refused);
  assert.throws(() => follow(insecure, 'http', 'http://reg.example/b'), refused);
  assert.throws(() => checkRealm('http://auth.example/t', insecure), refused);
  assert.equal(checkRealm('http://reg.example:5000/t', insecure).href, 'http://reg.example:5000/t');
});

test('a registry is itself also when its port or address is written another way', () => {
  for (const [url, host, same] of [
    ['https://reg.example/v2/', 'reg.example:443', true],
    ['http://127.0.0.1/v2/', '127.0.0.1:80', true],
    ['https://[::1]:5000/v2/', '[0:0::1]:5000', true],
    ['https://reg.example/v2/', 'reg.example:80', false],
    ['http://reg.example/v2/', 'reg.example:443', false],
    ['https://reg.example:5000/v2/', 'reg.example', false],
  ] as const) {
    assert.equal(isHome(new URL(url), { host, insecure: false }), same, `${url} of ${host}`);
  }
});

test('a name that means a local address is refused when it is looked up (I2, I3)', async () => {
  const look = (rule: AddressRule): Promise<string> =>
    new Promise((resolve) => {
      guardedLookup(rule)('localhost', { family: 0 }, (error) => resolve(error?.message ?? 'allowed'));
    });
  assert.match(await look('not-local'), /a local address; it is not followed$/);
  assert.equal(await look('not-link-local'), 'allowed');
  assert.equal(await look('any'), 'allowed');
});

test('the number of redirects is limited (I2)', () => {
  assert.throws(() => follow(remote, 'https', 'https://a.example/', maxRedirects), refused);
});

test('token realms are https, except on loopback for a loopback registry (I3)', () => {
  assert.equal(checkRealm('https://auth.example/token', remote).host, 'auth.example');
  assert.equal(checkRealm('http://127.0.0.1:9/token', local).port, '9');
  for (const realm of [
    'http://auth.example/token',
    'file:///etc/passwd',
    'http://127.0.0.1/token',
    'https://127.0.0.1/t',
    'x',
  ]) {
    assert.throws(() => checkRealm(realm, remote), refused, realm);
  }
});

test('loopback is told by name and address, in all its forms', () => {
  for (const host of [
    'localhost',
    'LOCALHOST',
    'a.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '[::1]',
    '::1',
    '::ffff:127.0.0.1',
  ]) {
    assert.ok(isLoopback(host), host);
  }
  for (const host of ['localhost.example', '128.0.0.1', '10.0.0.1', 'xlocalhost'])
    assert.ok(!isLoopback(host), host);
  assert.ok(addressAllowed('10.0.0.1', 'not-local'));
  assert.ok(!addressAllowed('127.0.0.1', 'not-local'));
  assert.ok(addressAllowed('127.0.0.1', 'not-link-local'));
  assert.ok(addressAllowed('169.254.1.1', 'any'));
});
