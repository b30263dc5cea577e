import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { describeError, toSdmeError } from '../../../../src/base/errors.ts';
import { askCredentialHelper } from '../../../../src/oci/registry/credential-helper.ts';
import {
  authFiles,
  findCredentials,
  findInAuthFile,
  parseAuthFile,
} from '../../../../src/oci/registry/credentials.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

const signal = new AbortController().signal;
const auth = (user: string, password = 'pw'): { auth: string } => ({
  auth: Buffer.from(`${user}:${password}`).toString('base64'),
});

function userFor(auths: Record<string, unknown>, registry: string, repository: string): string | undefined {
  const found = findInAuthFile(parseAuthFile(JSON.stringify({ auths }), 'f'), registry, repository, 'f');
  return found?.kind === 'credentials' && found.credentials.kind === 'password'
    ? found.credentials.user
    : undefined;
}

test('the most specific key wins, on whole components only (I7)', () => {
  const auths = {
    'h.example': auth('host'),
    'h.example:5000': auth('port'),
    'h.example/ns': auth('ns'),
    'h.example/ns/deep': auth('deep'),
  };
  const cases = {
    a: 'host',
    'ns/x': 'ns',
    nsx: 'host',
    'ns/deep': 'deep',
    'ns/deep/er': 'deep',
    'ns/deepx': 'ns',
  };
  for (const [repository, user] of Object.entries(cases)) {
    assert.equal(userFor(auths, 'h.example', repository), user, repository);
  }
  assert.equal(userFor(auths, 'h.example:5000', 'ns'), 'port');
  assert.equal(userFor(auths, 'other.example', 'ns'), undefined);
  assert.equal(userFor(auths, 'h.example.evil', 'ns'), undefined);
});

test('docker.io is found under all names docker gives it (I7)', () => {
  for (const key of ['docker.io', 'https://index.docker.io/v1/', 'index.docker.io', 'registry-1.docker.io']) {
    assert.equal(userFor({ [key]: auth('hub') }, 'docker.io', 'library/x'), 'hub', key);
  }
  assert.equal(userFor({ 'https://h.example/v2/': auth('u') }, 'h.example', 'x'), 'u');
});

test('entries are base64, fields or an identity token; empty ones are none, damaged ones an error without a secret', () => {
  assert.equal(userFor({ h: { username: 'u', password: 'p' } }, 'h', 'x'), 'u');
  assert.equal(userFor({ h: {} }, 'h', 'x'), undefined);
  const token = findInAuthFile(parseAuthFile('{"auths":{"h":{"identitytoken":"t"}}}', 'f'), 'h', 'x', 'f');
  assert.deepEqual(token, { kind: 'credentials', credentials: { kind: 'identity', token: 't' } });
  const secret = Buffer.from('c0lonless-secret').toString('base64');
  assert.throws(
    () => userFor({ h: { auth: secret } }, 'h', 'x'),
    (error) => !describeError(error).includes('c0lonless') && !describeError(error).includes(secret),
  );
  for (const text of ['x', '[]', '{"auths":7}', '{"auths":{"h":{"auth":7}}}']) {
    assert.throws(() => parseAuthFile(text, 'f'), { code: 'oci.auth-invalid' });
  }
});

test('files are looked at in the documented order, and a named one alone', () => {
  assert.deepEqual(authFiles({ REGISTRY_AUTH_FILE: '/a', HOME: '/h' }), ['/a']);
  assert.deepEqual(authFiles({ XDG_RUNTIME_DIR: '/r', HOME: '/h' }), [
    '/r/containers/auth.json',
    '/h/.config/containers/auth.json',
    '/h/.docker/config.json',
  ]);
  assert.deepEqual(authFiles({}), ['/run/containers/0/auth.json', '/run/user/0/containers/auth.json']);
});

interface Home extends AsyncDisposable {
  readonly environment: Record<string, string>;
  readonly dir: string;
}

/** A home with a docker config and helpers, each a shell script. */
async function home(config: unknown, helpers: Record<string, string>): Promise<Home> {
  const dir = await tempDir();
  const path = join(dir.path, '.docker/config.json');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(config));
  for (const [name, script] of Object.entries(helpers)) {
    const file = join(dir.path, `docker-credential-${name}`);
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
  }
  const environment = {
    HOME: dir.path,
    XDG_RUNTIME_DIR: dir.path,
    PATH: `${dir.path}:/usr/bin:/bin`,
    SECRET_OF_OURS: 'x',
  };
  return { environment, dir: dir.path, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

test('a helper gets the server on standard input, no secret in its arguments, and nothing of our environment (I6)', async () => {
  await using at = await home(
    { credHelpers: { 'h.example': 'good' } },
    {
      good: 'cat > "$HOME/in"; echo "$@" > "$HOME/args"; env > "$HOME/env"; echo \'{"Username":"u","Secret":"s3"}\'',
    },
  );
  const found = await findCredentials('h.example', 'x', at.environment, signal);
  assert.deepEqual(found, { kind: 'password', user: 'u', password: 's3' });
  assert.equal(await readFile(join(at.dir, 'in'), 'utf8'), 'h.example');
  assert.equal(await readFile(join(at.dir, 'args'), 'utf8'), 'get\n');
  assert.ok(!(await readFile(join(at.dir, 'env'), 'utf8')).includes('SECRET_OF_OURS'));
});

test('credsStore is asked last, a helper without an entry gives way, and <token> is an identity token (I6)', async () => {
  await using at = await home(
    { credsStore: 'store', credHelpers: { 'h.example': 'empty' }, auths: { 'a.example': auth('file') } },
    {
      store: 'echo \'{"Username":"<token>","Secret":"refresh"}\'',
      empty: 'echo "credentials not found in native keychain"; exit 1',
    },
  );
  const find = (registry: string) => findCredentials(registry, 'x', at.environment, signal);
  assert.deepEqual(await find('z.example'), { kind: 'identity', token: 'refresh' });
  assert.deepEqual(await find('a.example'), { kind: 'password', user: 'file', password: 'pw' });
  assert.equal(await find('h.example'), undefined);
});

for (const [name, script] of [
  ['missing', undefined],
  ['failing', 'echo s3cret; echo s3cret >&2; exit 3'],
  ['confused', 'echo s3cret'],
  ['empty-handed', 'echo "{}"'],
  ['killed', 'echo s3cret; kill -9 $$'],
] as const) {
  test(`a helper that is ${name} is a clear error without what it printed (I6)`, async () => {
    await using at = await home(
      { credHelpers: { 'h.example': name } },
      script === undefined ? {} : { [name]: script },
    );
    await assert.rejects(findCredentials('h.example', 'x', at.environment, signal), (error) => {
      assert.equal(toSdmeError(error).code, 'oci.auth-invalid');
      assert.ok(describeError(error).includes(`docker-credential-${name}`));
      assert.ok(!describeError(error).includes('s3cret'));
      return true;
    });
  });
}

test('a helper that hangs is ended after the time limit (I6)', async () => {
  await using at = await home({}, { slow: 'echo $$ > "$HOME/pid"; sleep 1000' });
  const begin = performance.now();
  await assert.rejects(askCredentialHelper('slow', 'h', at.environment, signal, 300), {
    code: 'oci.auth-invalid',
    message: /longer than 0\.3 s/,
  });
  assert.ok(performance.now() - begin < 5000);
});

test('the name of a helper is a plain word (I6)', async () => {
  for (const name of ['../evil', 'a/b', '', 'a b', '-x', '$(id)']) {
    await assert.rejects(askCredentialHelper(name, 'h', {}, signal), { code: 'oci.auth-invalid' });
  }
});
