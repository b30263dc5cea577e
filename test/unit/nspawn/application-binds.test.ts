import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { applicationBindPaths, demandPlainBinds } from '../../../src/nspawn/application-binds.ts';
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

test('a name that a condition of a unit cannot hold is refused', () => {
  for (const path of ['/oci/apps/a/root/x /y', '/oci/apps/a/root/x\\'])
    assert.throws(() => demandPlainBinds(boundAt(path), []), { code: 'input.invalid' });
});
