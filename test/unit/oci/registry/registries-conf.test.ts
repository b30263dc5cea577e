import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseReference } from '../../../../src/oci/references.ts';
import { endpointsFor, schemesFor } from '../../../../src/oci/registry/endpoints.ts';
import { loadRegistryRules, parseRegistriesConf } from '../../../../src/oci/registry/registries-conf.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

function endpoints(conf: string, reference: string): string[] {
  return endpointsFor(parseReference(reference), parseRegistriesConf(conf, 'conf')).map(
    ({ host, repository, insecure, mirror }) =>
      `${host}/${repository}${insecure ? ' insecure' : ''}${mirror ? ' mirror' : ''}`,
  );
}

const hex = 'a'.repeat(64);

test('without a rule an image comes from its own registry; short names never from a search list (G16)', () => {
  const conf = 'unqualified-search-registries = ["evil.example"]';
  assert.deepEqual(endpoints(conf, 'debian'), ['registry-1.docker.io/library/debian']);
});

test('mirrors come first, and each serves what pull-from-mirror says', () => {
  const conf = `
    [[registry]]
    location = "docker.io"
    [[registry.mirror]]
    location = "127.0.0.1:5000/hub"
    insecure = true
    [[registry.mirror]]
    location = "digests.example"
    pull-from-mirror = "digest-only"
    [[registry.mirror]]
    location = "tags.example"
    pull-from-mirror = "tag-only"`;
  assert.deepEqual(endpoints(conf, 'docker.io/library/debian:trixie'), [
    '127.0.0.1:5000/hub/library/debian insecure mirror',
    'tags.example/library/debian mirror',
    'registry-1.docker.io/library/debian',
  ]);
  assert.deepEqual(endpoints(conf, `debian@sha256:${hex}`)[1], 'digests.example/library/debian mirror');
  assert.equal(
    endpoints(`${conf}\n`.replace('location = "docker.io"', '$&\nmirror-by-digest-only = true'), 'x').length,
    1,
  );
});

test('the longest prefix on whole components decides, and location replaces it', () => {
  const conf = `
    [[registry]]
    prefix = "a.example"
    location = "b.example"
    [[registry]]
    prefix = "a.example/team"
    location = "c.example/old/team"
    insecure = true
    [[registry]]
    prefix = "*.wild.example"
    insecure = true`;
  assert.deepEqual(endpoints(conf, 'a.example/x'), ['b.example/x']);
  assert.deepEqual(endpoints(conf, 'a.example/team/x'), ['c.example/old/team/x insecure']);
  assert.deepEqual(endpoints(conf, 'a.example/teamwork/x'), ['b.example/teamwork/x']);
  assert.deepEqual(endpoints(conf, 'a.example:444/x'), ['a.example:444/x']);
  assert.deepEqual(endpoints(conf, 'r.wild.example:5/x'), ['r.wild.example:5/x insecure']);
  assert.deepEqual(endpoints(conf, 'wild.example/x'), ['wild.example/x']);
});

test('a blocked registry is refused; files we would misread are errors, never ignored', () => {
  const blocked = '[[registry]]\nprefix = "bad.example"\nblocked = true';
  assert.throws(() => endpoints(blocked, 'bad.example/x'), { code: 'oci.denied', message: /blocked/ });
  for (const conf of [
    '[registries.block]\nregistries = ["x"]',
    '[[registry]]\ninsecure = true',
    '[[registry]]\nlocation = 7',
    '[[registry]]\nlocation = "https://x.example"',
    '[[registry]]\nlocation = "u:p@x.example"',
    '[[registry]]\nlocation = "x"\nblocked = "yes"',
    'not toml',
  ]) {
    assert.throws(() => parseRegistriesConf(conf, 'conf'), { code: 'config.invalid' }, conf);
  }
  assert.throws(() => endpoints('[[registry]]\nprefix="a.example"\nlocation="../x"', 'a.example/y'), {
    code: 'config.invalid',
  });
});

test('plain http is for loopback without certificates and, second, for insecure hosts', () => {
  const at = (host: string, insecure = false) => ({
    registry: host,
    host,
    repository: 'x',
    insecure,
    mirror: false,
  });
  assert.deepEqual(schemesFor(at('localhost:5000'), false), ['http']);
  assert.deepEqual(schemesFor(at('[::1]:5000'), false), ['http']);
  assert.deepEqual(schemesFor(at('127.0.0.1:5000'), true), ['https']);
  assert.deepEqual(schemesFor(at('127.0.0.1:5000', true), false), ['https', 'http']);
  assert.deepEqual(schemesFor(at('r.example'), false), ['https']);
  assert.deepEqual(schemesFor(at('r.example', true), false), ['https', 'http']);
});

test('a named file is read alone; else the own one or that of /etc, and the drop-ins, the last rule of a prefix winning', async () => {
  await using dir = await tempDir();
  const rule = (prefix: string, location: string): string =>
    `[[registry]]\nprefix = "${prefix}"\nlocation = "${location}"\n`;
  const etc = join(dir.path, 'etc');
  await mkdir(join(etc, 'registries.conf.d'), { recursive: true });
  await writeFile(
    join(etc, 'registries.conf'),
    rule('a.example', 'etc.example') + rule('b.example', 'etc.example'),
  );
  await writeFile(join(etc, 'registries.conf.d/10.conf'), rule('a.example', 'ten.example'));
  await writeFile(join(etc, 'registries.conf.d/20.conf'), rule('a.example', 'twenty.example'));
  const locations = async (environment: Record<string, string>) =>
    (await loadRegistryRules(environment, etc)).map(({ prefix, location }) => `${prefix} ${location}`);
  assert.deepEqual(await locations({ HOME: dir.path }), [
    'a.example twenty.example',
    'b.example etc.example',
  ]);
  await mkdir(join(dir.path, '.config/containers'), { recursive: true });
  await writeFile(join(dir.path, '.config/containers/registries.conf'), rule('c.example', 'home.example'));
  assert.deepEqual(await locations({ HOME: dir.path }), [
    'c.example home.example',
    'a.example twenty.example',
  ]);
  await writeFile(join(dir.path, 'own.conf'), rule('d.example', 'own.example'));
  const named = { HOME: dir.path, CONTAINERS_REGISTRIES_CONF: join(dir.path, 'own.conf') };
  assert.deepEqual(await locations(named), ['d.example own.example']);
  await assert.rejects(locations({ CONTAINERS_REGISTRIES_CONF: join(dir.path, 'none') }), {
    code: 'config.invalid',
  });
});
