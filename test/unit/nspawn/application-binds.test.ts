import assert from 'node:assert/strict';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  applicationBindPaths,
  demandApartBinds,
  demandPlainBinds,
} from '../../../src/nspawn/application-binds.ts';
import { parseRecord } from '../../../src/nspawn/record.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

const boundAt = (...paths: string[]) =>
  parseRecord(`NAME=box\nROOTFS=app\nBINDS=${paths.map((path) => `/host:${path}:rw`).join('|')}\n`);

test('what is looked at are the components below an application’s root of what is bound there', () => {
  const record = boundAt('/srv', '/oci/apps/a/root/x/y', '/oci/apps/a/root/x/z', '/oci/apps/b/root/v');
  assert.deepEqual(applicationBindPaths(record), [
    'oci/apps/a/root/x',
    'oci/apps/a/root/x/y',
    'oci/apps/a/root/x/z',
    'oci/apps/b/root/v',
  ]);
});

test('paths are looked at as the kernel reads them', () => {
  const record = boundAt('//oci/apps/a/root/x', '/oci/./apps//b/root/y/', '/oci/apps/c/root//z');
  assert.deepEqual(applicationBindPaths(record), [
    'oci/apps/a/root/x',
    'oci/apps/b/root/y',
    'oci/apps/c/root/z',
  ]);
});

test('nothing is bound into an application below another mount', () => {
  const inner = '/oci/apps/a/root/data/a/system';
  for (const outer of ['/oci/apps/a/root/data', '/oci/apps//a/root/data/a/', '/oci/apps/a/root', '/oci/apps'])
    for (const order of [
      [inner, outer],
      [outer, '/srv', inner],
    ]) {
      const refused = {
        code: 'state.conflict',
        message: /cannot bind to \/oci\/apps\/a\/root\/data\/a\/system/,
      };
      assert.throws(() => demandApartBinds(boundAt(...order)), refused, outer);
      assert.throws(() => demandPlainBinds(boundAt(...order), []), refused, outer);
    }
  assert.throws(() => demandApartBinds(boundAt(inner), ['/home', '/oci']), { code: 'state.conflict' });
  for (const apart of ['/oci/apps/a/root/dat', '/oci/apps/b/root/data', '/srv', '/oci/apps/a/root/data/b'])
    demandApartBinds(boundAt(apart, inner), ['/home']);
  demandApartBinds(boundAt('/srv', '/srv/below'));
});

test('a link on the way of a bind into an application is refused, in any layer', async () => {
  await using layers = await tempDir('sdme-binds-');
  const [upper, lower] = [join(layers.path, 'upper'), join(layers.path, 'lower')];
  const record = boundAt('/oci/apps/a/root/x/y');
  for (const layer of [upper, lower]) await mkdir(join(layer, 'oci/apps/a/root'), { recursive: true });
  demandPlainBinds(record, [upper, lower]);
  await mkdir(join(lower, 'oci/apps/a/root/x'));
  demandPlainBinds(record, [upper, lower]);
  await symlink('/etc', join(upper, 'oci/apps/a/root/x'));
  const refused = {
    code: 'state.conflict',
    message: /\/oci\/apps\/a\/root\/x in container 'box' is a symlink/,
  };
  assert.throws(() => demandPlainBinds(record, [upper, lower]), refused);
  assert.throws(() => demandPlainBinds(record, [lower, upper]), refused);
});

test('a file in the way of what is bound is refused, unless a file is bound over it', async () => {
  await using layers = await tempDir('sdme-binds-');
  const [upper, lower] = [join(layers.path, 'upper'), join(layers.path, 'lower')];
  const bound = (host: string) =>
    parseRecord(`NAME=box\nROOTFS=app\nBINDS=${host}:/oci/apps/a/root/x/y:rw\n`);
  for (const layer of [upper, lower]) await mkdir(join(layer, 'oci/apps/a/root/x'), { recursive: true });
  await writeFile(join(lower, 'oci/apps/a/root/x/y'), '');
  const refused = {
    code: 'state.conflict',
    message: /\/oci\/apps\/a\/root\/x\/y in container 'box' is a file/,
  };
  assert.throws(() => demandPlainBinds(bound(layers.path), [upper, lower]), refused);
  demandPlainBinds(bound(join(lower, 'oci/apps/a/root/x/y')), [upper, lower]);
  demandPlainBinds(bound('/dev/null'), [upper, lower]);
  await mkdir(join(upper, 'oci/apps/a/root/x/y'));
  demandPlainBinds(bound(layers.path), [upper, lower]);
  await rm(join(upper, 'oci/apps/a/root/x'), { recursive: true });
  await writeFile(join(upper, 'oci/apps/a/root/x'), '');
  assert.throws(() => demandPlainBinds(bound('/dev/null'), [upper, lower]), {
    message: /root\/x in container 'box' is a file/,
  });
});

test('a name that a condition of a unit cannot hold is refused', () => {
  for (const path of ['/oci/apps/a/root/x /y', '/oci/apps/a/root/x\\'])
    assert.throws(() => demandPlainBinds(boundAt(path), []), { code: 'input.invalid' });
});
