import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { SdmeError } from '../../src/base/errors.ts';
import { type DockerRegistry, registryMissing, startDockerRegistry } from '../helpers/docker-registry.ts';
import { startFakeRegistry, wantsLayer } from '../helpers/fake-registry.ts';
import { openTestImages, seenContext, type TestImages } from '../helpers/images-room.ts';
import { pushImage, testImage } from '../helpers/oci-image.ts';
import { selfSigned } from '../helpers/self-signed.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { startTokenService, tokenLogin } from '../helpers/token-service.ts';

const skip = registryMissing() ?? false;
const basic = (user: string, password: string): string =>
  Buffer.from(`${user}:${password}`).toString('base64');

/** Resolves and fetches every layer. */
async function pull(room: TestImages, reference: string, noCache = true): Promise<void> {
  const ctx = seenContext();
  await using source = room.images.registry(reference, { noCache });
  const image = await source.resolve(ctx);
  for (const layer of image.layers) await (await source.blob(ctx, layer))[Symbol.asyncDispose]();
}

async function logIn(room: TestImages, auths: Record<string, unknown>): Promise<void> {
  await mkdir(join(room.dir, 'containers'), { recursive: true });
  await writeFile(join(room.dir, 'containers/auth.json'), JSON.stringify({ auths }));
}

test('a registry with passwords: none and a wrong one are refused, the right one is sent (I6)', {
  skip,
}, async (t) => {
  let htpasswd: string;
  try {
    htpasswd = execFileSync('htpasswd', ['-Bbn', 'me', 's3cret'], { encoding: 'utf8' });
  } catch {
    return t.skip('htpasswd is not installed (apt-get install apache2-utils)');
  }
  await using registry = await startDockerRegistry({ htpasswd });
  const image = await testImage();
  await pushImage(registry.host, 'app', 'latest', [image], {
    headers: { authorization: `Basic ${basic('me', 's3cret')}` },
  });
  const name = `${registry.host}/app`;
  await using room = await openTestImages();
  await assert.rejects(pull(room, name), {
    code: 'oci.denied',
    message: /asks for a password and none is known/,
  });
  await logIn(room, { [registry.host]: { auth: basic('me', 'wrong') } });
  await assert.rejects(pull(room, name), (error) => {
    assert.ok(error instanceof SdmeError);
    assert.equal(error.code, 'oci.denied');
    assert.ok(!JSON.stringify(error).includes('wrong') && !error.message.includes('wrong'));
    return true;
  });
  await logIn(room, { [`${registry.host}/app`]: { auth: basic('me', 's3cret') } });
  await pull(room, name);
});

test('a registry with tokens: fetched with a password or a refresh token, and again when they run out (I4, I5)', {
  skip,
}, async () => {
  await using dir = await tempDir();
  const certificate = selfSigned(dir.path, 'DNS:issuer', 'token', true);
  for (const field of ['token', 'access_token'] as const) {
    await using service = await startTokenService(certificate, field);
    const open = (): Promise<DockerRegistry> =>
      startDockerRegistry({
        token: {
          realm: service.realm,
          service: 'test-service',
          issuer: 'test-issuer',
          certificate: certificate.cert,
        },
      });
    await using registry = await open();
    const image = await testImage({ layers: [{ a: '1' }, { b: '2' }] });
    const asked = await fetch(
      `${service.realm}?service=test-service&scope=${encodeURIComponent('repository:app:pull,push')}`,
      { headers: { authorization: `Basic ${basic(tokenLogin.user, tokenLogin.password)}` } },
    );
    const answer = (await asked.json()) as Record<string, string>;
    await pushImage(registry.host, 'app', 'latest', [image], {
      headers: { authorization: `Bearer ${answer[field]}` },
    });
    await using room = await openTestImages();
    const name = `${registry.host}/app`;
    await assert.rejects(pull(room, name), { code: 'oci.denied' });
    await logIn(room, { [registry.host]: { auth: basic(tokenLogin.user, tokenLogin.password) } });
    service.requests.length = 0;
    await pull(room, name);
    assert.equal(service.requests.length, 1, 'one token serves for the manifest and all blobs');
    assert.equal(service.requests[0]?.parameters.get('scope'), 'repository:app:pull');
    await pull(room, name);
    assert.equal(service.requests.length, 1, 'a token is used until it runs out');
    await using other = await openTestImages();
    await logIn(other, { [registry.host]: { identitytoken: tokenLogin.refreshToken } });
    await pull(other, name);
    assert.deepEqual([service.requests[1]?.method, service.requests[1]?.authorization], ['POST', undefined]);
  }
});

test('a 401 on a blob, after the manifest went through, gets a new token and goes on (I4, I5)', async () => {
  await using room = await openTestImages();
  const image = await testImage();
  let tokens = 0;
  await using registry = await startFakeRegistry({
    images: [image],
    script: (request, response) => {
      if (request.path.startsWith('/token')) {
        tokens += 1;
        response.writeHead(200).end(JSON.stringify({ token: `t${tokens}` }));
        return true;
      }
      const wanted = wantsLayer(request, image) ? 'Bearer t2' : 'Bearer t1';
      if (request.headers.authorization === wanted) return false;
      const challenge = `Bearer realm="http://${registry.host}/token",service="a,b",scope="repository:app:pull"`;
      response.writeHead(401, { 'www-authenticate': `Negotiate, ${challenge}` }).end('{}');
      return true;
    },
  });
  await pull(room, `${registry.host}/app`);
  assert.equal(tokens, 2);
  const asked = registry.requests.filter(({ path }) => path.startsWith('/token'));
  assert.equal(new URL(asked[0]?.path ?? '', 'http://x').searchParams.get('service'), 'a,b');
});

test('a redirect to another host is followed without the login, one on the same host with it (I1)', async () => {
  await using room = await openTestImages();
  const image = await testImage();
  await using storage = await startFakeRegistry({ images: [image] });
  await using registry = await startFakeRegistry({
    images: [image],
    script: (request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        return true;
      }
      if (wantsLayer(request, image))
        response.writeHead(307, { location: `http://${storage.host}${request.path}` }).end();
      else if (request.path.endsWith(image.config.digest) && !request.path.includes('moved')) {
        response.writeHead(302, { location: request.path.replace('/app/', '/moved/') }).end();
      } else return false;
      return true;
    },
  });
  await logIn(room, { [registry.host]: { auth: basic('me', 's3cret') } });
  await pull(room, `${registry.host}/app`);
  assert.equal(storage.requests.length, 1);
  assert.equal(storage.requests[0]?.headers.authorization, undefined);
  assert.ok(registry.requests.find(({ path }) => path.includes('/moved/'))?.headers.authorization);
});

test('redirects to files, to link-local addresses and without end are refused (I2)', async () => {
  await using room = await openTestImages();
  const image = await testImage();
  for (const location of [
    'file:///etc/passwd',
    'http://169.254.169.254/latest',
    '/v2/app/manifests/latest',
    'https://',
  ]) {
    await using registry = await startFakeRegistry({
      images: [image],
      script: (_request, response) => {
        response.writeHead(302, { location }).end();
        return true;
      },
    });
    await assert.rejects(pull(room, `${registry.host}/app`), { code: 'oci.protocol' }, location);
    assert.ok(registry.requests.length <= 12);
  }
});

test('a token service at a forbidden address is not asked (I3)', async () => {
  await using room = await openTestImages();
  for (const realm of ['file:///etc/passwd', 'http://169.254.169.254/token', 'http://auth.example/token']) {
    await using registry = await startFakeRegistry({
      script: (_request, response) => {
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
        return true;
      },
    });
    await logIn(room, { [registry.host]: { auth: basic('me', 's3cret') } });
    await assert.rejects(pull(room, `${registry.host}/app`), { code: 'oci.protocol' }, realm);
  }
});

test('the docker.io login of the settings goes to no other registry (contract 6.2)', async () => {
  await using room = await openTestImages({ docker_user: 'hub', docker_token: 'hub-token' });
  await using registry = await startFakeRegistry({
    script: (request, response) => {
      const challenge = `Bearer realm="http://${registry.host}/token"`;
      if (request.path.startsWith('/token')) response.writeHead(401).end();
      else response.writeHead(401, { 'www-authenticate': challenge }).end();
      return true;
    },
  });
  await writeFile(
    join(room.dir, 'registries.conf'),
    `[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "${registry.host}"\n[[registry]]\nlocation = "registry-1.docker.io"\nblocked = true`,
  );
  await assert.rejects(pull(room, `${registry.host}/app`), { code: 'oci.denied' });
  assert.ok(registry.requests.some(({ path }) => path.startsWith('/token')));
  assert.ok(registry.requests.every(({ headers }) => headers.authorization === undefined));
});

test('TLS: self-signed and wrong names are refused; a CA in certs.d or insecure for that host is accepted (I15)', {
  skip,
}, async () => {
  await using dir = await tempDir();
  const right = selfSigned(dir.path, 'IP:127.0.0.1', 'right');
  const wrong = selfSigned(dir.path, 'DNS:other.example', 'wrong');
  const image = await testImage();
  for (const [certificate, trusted] of [
    [right, true],
    [wrong, false],
  ] as const) {
    await using registry = await startDockerRegistry({
      tls: { certificate: certificate.cert, key: certificate.key },
    });
    await using room = await openTestImages();
    const certs = join(room.dir, '.config/containers/certs.d', registry.host);
    const conf = join(room.dir, 'registries.conf');
    const name = `${registry.host}/none`;
    const untrusted = { code: 'oci.network', retryable: false, message: /not trusted/ } as const;
    await writeFile(conf, `[[registry]]\nlocation = "${registry.host}"\ninsecure = true`);
    await assert.rejects(pull(room, name), { code: 'oci.not-found' }, 'insecure is accepted');
    await writeFile(conf, '');
    await mkdir(certs, { recursive: true });
    await writeFile(join(certs, 'ca.crt'), right.cert);
    if (trusted) await assert.rejects(pull(room, name), { code: 'oci.not-found' }, 'the CA is trusted');
    else await assert.rejects(pull(room, name), untrusted);
    await writeFile(join(certs, 'ca.crt'), wrong.cert);
    await assert.rejects(pull(room, name), untrusted);
  }
  // The flag of one host says nothing about where it redirects.
  await using elsewhere = await startFakeRegistry({ images: [image], tls: right });
  await using home = await startFakeRegistry({
    tls: right,
    script: (request, response) => {
      response.writeHead(307, { location: `https://${elsewhere.host}${request.path}` }).end();
      return true;
    },
  });
  await using room = await openTestImages();
  await writeFile(
    join(room.dir, 'registries.conf'),
    `[[registry]]\nlocation = "${home.host}"\ninsecure = true`,
  );
  await assert.rejects(pull(room, `${home.host}/app`), { code: 'oci.network', message: /not trusted/ });
  assert.equal(elsewhere.requests.length, 0);
});

test('docker.io references reach a mirror that registries.conf names, and no other registry is asked', {
  skip,
}, async () => {
  await using registry = await startDockerRegistry();
  await using room = await openTestImages();
  const image = await testImage();
  await pushImage(registry.host, 'hub/library/debian', 'trixie', [image]);
  await writeFile(
    join(room.dir, 'registries.conf'),
    `[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "127.0.0.1:1/none"\n[[registry.mirror]]\nlocation = "${registry.host}/hub"`,
  );
  const ctx = seenContext();
  await using source = room.images.registry('docker.io/library/debian:trixie');
  const resolved = await source.resolve(ctx);
  assert.deepEqual(
    [resolved.reference, resolved.manifestDigest],
    ['docker.io/library/debian:trixie', image.manifest.digest],
  );
  assert.ok(ctx.warnings.some((line) => line.includes('mirror 127.0.0.1:1')));
  for (const layer of resolved.layers) await (await source.blob(ctx, layer))[Symbol.asyncDispose]();
});
