import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { layoutOf } from '../../src/base/paths.ts';
import { demandPlainBinds } from '../../src/nspawn/application-binds.ts';
import { layerMounts, layersOf } from '../../src/nspawn/layer-mounts.ts';
import { guardedPaths } from '../../src/nspawn/link-guard.ts';
import { parseRecord } from '../../src/nspawn/record.ts';
import { refuseSymlinks } from '../../src/nspawn/symlinks.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

test('a link that came with a directory renamed inside is seen at the start, though no layer has it at its place', {
  skip,
}, async () => {
  await using directory = await tempDir();
  const layout = layoutOf(join(directory.path, 'data'), join(directory.path, 'run'));
  // Where files are given away, the overlay notes a rename of the image's directory and leaves what is in it below.
  const record = parseRecord(
    'NAME=box\nROOTFS=app\nUSERNS=yes\nUSERNS_MAPPING=shift\nBINDS=/srv:/oci/apps/a/root/data/vol:rw\n',
  );
  const lower = layout.rootfsDir('app');
  const upper = join(layout.containerDir('box'), 'upper');
  for (const made of ['upper', 'work', 'merged'])
    mkdirSync(join(layout.containerDir('box'), made), { recursive: true });
  for (const path of ['dev', 'run', 'oci/apps/a/root/other'])
    mkdirSync(join(lower, path), { recursive: true });
  symlinkSync('/etc/systemd', join(lower, 'oci/apps/a/root/other/vol'));
  const [mount] = layerMounts(record, layersOf(record, layout, []));
  assert.ok(mount);
  const guarded = guardedPaths(record, layout, [], 'merged').map(({ at }) => at);
  const inNamespace = (command: string, ...args: string[]): { code: number | null; said: string } => {
    const script = `mount ${mount.arguments.join(' ')} && cd ${mount.target} && ${command}`;
    const { status, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', ...args]);
    return { code: status, said: stderr.toString() };
  };
  assert.deepEqual(inNamespace(refuseSymlinks, ...guarded), { code: 0, said: '' });
  const renamed = inNamespace('mv -T oci/apps/a/root/other oci/apps/a/root/data');
  assert.deepEqual(renamed, { code: 0, said: '' });
  assert.ok(!existsSync(join(upper, 'oci/apps/a/root/data/vol')));
  demandPlainBinds(record, [upper, lower]);
  const seen = inNamespace(refuseSymlinks, ...guarded);
  assert.equal(seen.code, 1);
  assert.match(seen.said, /data\/vol is a symlink/);
});
