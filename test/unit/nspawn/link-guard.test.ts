import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { layoutOf } from '../../../src/base/paths.ts';
import { bindDestination, followInRootfs } from '../../../src/nspawn/bind-destination.ts';
import { demandPlainTree, guardedPaths } from '../../../src/nspawn/link-guard.ts';
import { parseRecord } from '../../../src/nspawn/record.ts';
import { refuseSymlinks } from '../../../src/nspawn/symlinks.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

const box = (rootfs: string, ...binds: string[]) =>
  parseRecord(`NAME=box\nROOTFS=${rootfs}\nBINDS=${binds.map((bind) => `${bind}:rw`).join('|')}\n`);

test('a bind goes where the links of the rootfs lead, within it', () => {
  const links: Record<string, string> = {
    'var/run': '/run',
    bin: 'usr/bin',
    'usr/bin/up': '../../../../srv/./x',
    'run/lock': '/etc',
    'var/lock': '../run/lock',
    circle: 'circle',
  };
  const follow = (path: string): string => followInRootfs(path, (link) => links[link]);
  assert.equal(follow('/data//x/'), '/data/x');
  assert.equal(follow('/var/run/socket'), '/run/socket');
  assert.equal(follow('/bin/up/y'), '/srv/x/y');
  assert.equal(follow('/var/lock/z'), '/run/lock/z', 'nspawn mounts a new /run');
  assert.throws(() => follow('/circle/x'), { code: 'input.invalid' });
});

test('nothing is bound over the files that nspawn writes below /run, by whatever name', async () => {
  await using rootfs = await tempDir('sdme-rootfs-');
  await mkdir(join(rootfs.path, 'var'));
  await symlink('/run', join(rootfs.path, 'var/run'));
  await symlink('..', join(rootfs.path, 'var/up'));
  for (const path of ['/run', '/run/', '/var/run', '/run/host', '/var/run/host/incoming', '/var/up']) {
    assert.throws(() => bindDestination(rootfs.path, path), { code: 'input.invalid' }, path);
  }
  assert.equal(bindDestination(rootfs.path, '/var/run/hosts'), '/run/hosts');
});

test('each component of a bind is looked at in the mount that it is in', () => {
  const layout = layoutOf('/lib/sdme', '/run/sdme');
  const binds = box('', '/host:/home/a/b', '/other:/home/a/b/c/d', '/third:/run/x');
  const paths = guardedPaths(binds, layout, ['/home'], 'merged').map(({ path, at }) => `${path} ${at}`);
  const dir = '/lib/sdme/containers/box';
  assert.deepEqual(paths, [
    `/dev ${dir}/merged/dev`,
    `/run ${dir}/merged/run`,
    `/home ${dir}/merged/home`,
    `/home/a ${dir}/submounts/home/merged/a`,
    `/home/a/b ${dir}/submounts/home/merged/a/b`,
    '/home/a/b/c /host/c',
    '/home/a/b/c/d /host/c/d',
  ]);
});

test('a link where nspawn makes files or binds is refused, in any layer, before a start and by the unit', async () => {
  await using dir = await tempDir('sdme-links-');
  const layout = layoutOf(dir.path, '/run/sdme');
  const [upper, lower] = [join(layout.containerDir('box'), 'upper'), layout.rootfsDir('tree')];
  await mkdir(join(upper, 'data/x'), { recursive: true });
  await mkdir(join(lower, 'run'), { recursive: true });
  const record = box('tree', '/host:/data/x/y');
  const sees = async (): Promise<boolean> => {
    const args = guardedPaths(record, layout, [], 'upper').map(({ at }) => at);
    const refused = await demandPlainTree(record, layout, []).then(
      () => false,
      (error: unknown) => error instanceof Error && /in container 'box' is a symlink/.test(error.message),
    );
    try {
      execFileSync('sh', ['-c', refuseSymlinks, 'sh', ...args], { stdio: 'pipe' });
      assert.equal(refused, false);
    } catch (error) {
      assert.match(String(error), /is a symlink/);
      assert.equal(refused, true);
    }
    return refused;
  };
  assert.equal(await sees(), false);
  await writeFile(join(upper, 'dev'), '');
  assert.equal(await sees(), false, 'nspawn refuses what is no directory by itself');
  await symlink('/etc', join(upper, 'data/x/y'));
  assert.equal(await sees(), true);
  const inLower = box('links');
  await mkdir(layout.rootfsDir('links'));
  await demandPlainTree(inLower, layout, []);
  await symlink('/etc', join(layout.rootfsDir('links'), 'run'));
  await assert.rejects(demandPlainTree(inLower, layout, []), {
    code: 'state.conflict',
    message: /^\/run in/,
  });
});
