import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyFor } from '../../../../src/oci/http/proxies.ts';

const cases: readonly (readonly [
  url: string,
  environment: Record<string, string>,
  proxy: string | undefined,
])[] = [
  ['https://reg.example/v2/', {}, undefined],
  ['https://reg.example/v2/', { HTTPS_PROXY: 'http://proxy:3128' }, 'http://proxy:3128/'],
  [
    'https://reg.example/v2/',
    { https_proxy: 'proxy:3128', HTTPS_PROXY: 'http://other' },
    'http://proxy:3128/',
  ],
  ['https://reg.example/v2/', { http_proxy: 'http://proxy' }, undefined],
  ['http://reg.example/v2/', { http_proxy: 'https://u:p@proxy' }, 'https://u:p@proxy/'],
  ['https://reg.example/v2/', { ALL_PROXY: 'http://proxy' }, 'http://proxy/'],
  ['http://localhost:5000/v2/', { http_proxy: 'http://proxy' }, undefined],
  ['http://127.0.0.1:5000/v2/', { http_proxy: 'http://proxy' }, undefined],
  ['http://[::1]:5000/v2/', { http_proxy: 'http://proxy' }, undefined],
];

for (const [url, environment, proxy] of cases) {
  test(`${url} with ${JSON.stringify(environment)} is asked through ${proxy ?? 'no proxy'}`, () => {
    assert.equal(proxyFor(new URL(url), environment)?.href, proxy);
  });
}

test('no_proxy names hosts with all below them, addresses, ports, and everything', () => {
  const direct = (url: string, exceptions: string): boolean =>
    proxyFor(new URL(url), { all_proxy: 'http://proxy', NO_PROXY: exceptions }) === undefined;
  for (const [url, exceptions] of [
    ['https://reg.example/', 'other, reg.example'],
    ['https://a.reg.example/', 'reg.example'],
    ['https://a.reg.example/', '.REG.example'],
    ['https://a.reg.example/', '*.reg.example'],
    ['https://reg.example/', 'reg.example:443'],
    ['http://reg.example:5000/', 'reg.example:5000'],
    ['https://10.0.0.7/', '10.0.0.7'],
    ['https://[fd00::1]:5000/', '[fd00::1]:5000'],
    ['https://[fd00::1]/', 'fd00::1'],
    ['https://reg.example/', '*'],
  ] as const) {
    assert.ok(direct(url, exceptions), `${url} by ${exceptions}`);
  }
  for (const [url, exceptions] of [
    ['https://myreg.example/', 'reg.example'],
    ['https://reg.example/', 'a.reg.example'],
    ['https://reg.example/', 'reg.example:5000'],
    ['https://10.0.0.77/', '10.0.0.7'],
    ['https://reg.example/', ' , '],
  ] as const) {
    assert.ok(!direct(url, exceptions), `${url} by ${exceptions}`);
  }
});

test('a proxy of another kind is refused by name, without its password', () => {
  for (const proxy of ['socks5://u:secret@proxy', 'http://']) {
    assert.throws(
      () => proxyFor(new URL('https://reg.example/'), { HTTPS_PROXY: proxy }),
      (error: unknown) =>
        error instanceof Error &&
        /https_proxy is no http or https proxy/.test(error.message) &&
        !error.message.includes('secret'),
    );
  }
});
