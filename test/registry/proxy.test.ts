import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startFakeRegistry } from '../helpers/fake-registry.ts';
import { startHttpProxy } from '../helpers/http-proxy.ts';
import { openTestImages, seenContext, type TestImages } from '../helpers/images-room.ts';
import { testImage } from '../helpers/oci-image.ts';
import { selfSigned } from '../helpers/self-signed.ts';
import { tempDir } from '../helpers/temp-dir.ts';

async function pull(room: TestImages, reference: string): Promise<void> {
  const ctx = seenContext();
  await using source = room.images.registry(reference, { noCache: true });
  for (const layer of (await source.resolve(ctx)).layers)
    await (await source.blob(ctx, layer))[Symbol.asyncDispose]();
}

test('through a proxy a registry is reached by a tunnel, and its certificate is checked all the same', async () => {
  await using dir = await tempDir();
  const image = await testImage();
  const tls = selfSigned(dir.path, 'DNS:registry.example');
  await using registry = await startFakeRegistry({ images: [image], tls });
  await using proxy = await startHttpProxy(registry.port);
  const login = proxy.url.replace('//', '//me:s3cret@');
  await using room = await openTestImages({}, { environment: { HTTPS_PROXY: login } });
  await assert.rejects(pull(room, 'registry.example/app'), { code: 'oci.network', message: /not trusted/ });
  const certs = join(room.dir, '.config/containers/certs.d/registry.example');
  await mkdir(certs, { recursive: true });
  await writeFile(join(certs, 'ca.crt'), tls.cert);
  await pull(room, 'registry.example/app');
  assert.ok(proxy.asked.length > 0 && proxy.asked.every((asked) => asked === 'CONNECT registry.example:443'));
  assert.ok(proxy.logins.every((sent) => sent === `Basic ${Buffer.from('me:s3cret').toString('base64')}`));
  assert.ok(registry.requests.every(({ headers }) => headers['proxy-authorization'] === undefined));
});

test('plain http goes through a proxy too, and hosts on loopback and of no_proxy do not', async () => {
  const image = await testImage();
  await using registry = await startFakeRegistry({ images: [image] });
  await using proxy = await startHttpProxy(registry.port);
  const environment = {
    http_proxy: proxy.url,
    https_proxy: 'http://127.0.0.1:1',
    no_proxy: 'direct.invalid',
  };
  await using room = await openTestImages({}, { environment });
  await pull(room, `${registry.host}/app`);
  assert.deepEqual(proxy.asked, []);
  const insecure = ['plain.example:5000', 'direct.invalid'].map(
    (host) => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`,
  );
  await writeFile(join(room.dir, 'registries.conf'), insecure.join(''));
  await pull(room, 'plain.example:5000/app');
  assert.equal(proxy.asked[0], 'http://plain.example:5000/v2/app/manifests/latest');
  const before = proxy.asked.length;
  await assert.rejects(pull(room, 'direct.invalid/app'), { code: 'oci.network' });
  assert.equal(proxy.asked.length, before);
});

test('what a registry redirects to is checked before a proxy is asked for it', async () => {
  const image = await testImage();
  await using registry = await startFakeRegistry({
    images: [image],
    script: (request, response) => {
      if (request.path.includes('/manifests/')) return false;
      response.writeHead(307, { location: 'http://169.254.169.254/latest' }).end();
      return true;
    },
  });
  await using proxy = await startHttpProxy(registry.port);
  await using room = await openTestImages({}, { environment: { ALL_PROXY: proxy.url } });
  await writeFile(
    join(room.dir, 'registries.conf'),
    '[[registry]]\nlocation = "plain.example"\ninsecure = true\n',
  );
  await assert.rejects(pull(room, 'plain.example/app'), { code: 'oci.protocol' });
  assert.ok(proxy.asked.every((asked) => asked.includes('plain.example')));
});
