import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { demandPlainSources, guardedSources, resolveBindSources } from '../../../src/nspawn/bind-sources.ts';
import { parseRecord } from '../../../src/nspawn/record.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

const box = (...hosts: string[]) =>
  parseRecord(`NAME=box\nROOTFS=debian\nBINDS=${hosts.map((host) => `${host}:/mnt:rw`).join('|')}\n`);

test('links to a bind source are followed when it is asked for; a device keeps its name', async () => {
  await using dir = await tempDir('sdme-sources-');
  await mkdir(join(dir.path, 'real'));
  await symlink('real', join(dir.path, 'link'));
  const resolved = await resolveBindSources(box(join(dir.path, 'link'), '/dev/fd'));
  assert.deepEqual(
    resolved.BINDS.map(({ host }) => host),
    [join(dir.path, 'real'), '/dev/fd'],
  );
  await assert.rejects(resolveBindSources(box(join(dir.path, 'none'))), { code: 'not-found' });
  await mkdir(join(dir.path, 'with:colon'));
  await symlink('with:colon', join(dir.path, 'odd'));
  await assert.rejects(resolveBindSources(box(join(dir.path, 'odd'))), { code: 'input.invalid' });
});

test('a bind source that leads over a link later is refused, but for devices and the way to our own data', async () => {
  await using dir = await tempDir('sdme-sources-');
  const record = box('/srv/a', '/srv/b', '/dev/disk/by-id/x', '/dev/shm/y', `${dir.path}/v/web`);
  assert.deepEqual(guardedSources(record, { dataDir: dir.path }), [
    '/srv',
    '/srv/a',
    '/srv/b',
    '/dev',
    '/dev/shm',
    '/dev/shm/y',
    `${dir.path}/v`,
    `${dir.path}/v/web`,
  ]);
  await mkdir(join(dir.path, 'v'));
  await demandPlainSources(box(`${dir.path}/v/web`), { dataDir: dir.path });
  await symlink('/usr/lib', join(dir.path, 'v/web'));
  const within = box('/srv', `${dir.path}/v/web/os-release`);
  await assert.rejects(demandPlainSources(within, { dataDir: dir.path }), {
    code: 'state.conflict',
    message: `${dir.path}/v/web, of which something is bound into container 'box', is a symlink to "/usr/lib", and a start follows none; put back what was there, or, if that is meant, make the container again with /usr/lib/os-release bound`,
  });
  await assert.rejects(demandPlainSources(box(`${dir.path}/v/web/none`), { dataDir: dir.path }), {
    code: 'state.conflict',
    message: /is a symlink to "\/usr\/lib", and a start follows none; put back what was there$/,
  });
});
