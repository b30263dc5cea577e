import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { handleFsGc } from '../../jobs/fs-gc.ts';
import { handleFsRm } from '../../jobs/fs-rm.ts';
import { listRootfs } from '../../src/rootfs/read-side.ts';
import { loggedContext } from '../helpers/container-host.ts';
import { fingerprint, openOnBase } from '../helpers/import-on-base.ts';
import { rootMissing } from '../helpers/import-store.ts';

const skip = rootMissing() ?? false;
const megabyte = 1024 * 1024;
const names = Array.from({ length: 20 }, (_, index) => `app-${index}`);
/** Where an import adds to the base. */
const added = ['oci', 'etc'];

/** What a directory takes of its disk: a file of several names once, shared blocks once where the disk shares them. */
async function usedBy(directory: string, sharesBlocks: boolean): Promise<number> {
  if (!sharesBlocks)
    return Number(
      execFileSync('du', ['-s', '--block-size=1', directory], { encoding: 'utf8' }).split('\t')[0],
    );
  execFileSync('sync', ['-f', directory]);
  const { blocks, bfree, bsize } = await statfs(directory);
  return (blocks - bfree) * bsize;
}

test('twenty applications on one base take the room of one base, and each is a whole tree', {
  skip,
}, async () => {
  await using store = await openOnBase({}, { 'usr/lib/large': randomBytes(16 * megabyte) });
  const { layout, importApp } = store;
  const deps = { ...store, host: 'test' };
  const app = (text: string) => ({ layers: [{ 'bin/app': text }], config: { Cmd: ['/bin/app', 'x'] } });
  const base = layout.rootfsDir('base');
  const like = fingerprint(base, ...added);
  const lines = await importApp('first', app('first'));
  const sharesBlocks = lines.some((line) => line.endsWith('files taken by reflink'));
  assert.ok(!lines.some((line) => line.endsWith('taken by copy')), 'the disk of this test can share files');
  const before = await usedBy(layout.fsDir, sharesBlocks);
  for (const name of names) await importApp(name, app(name));
  const grown = (await usedBy(layout.fsDir, sharesBlocks)) - before;
  assert.ok(grown < 16 * megabyte, `twenty applications took ${grown} bytes more, the base alone has 16 MiB`);

  const whole = async (): Promise<void> => {
    for (const name of names) {
      assert.equal(fingerprint(layout.rootfsDir(name), ...added), like, name);
      assert.equal(
        await readFile(join(layout.rootfsDir(name), `oci/apps/${name}/root/bin/app`), 'utf8'),
        name,
      );
    }
  };
  await whole();
  const listed = await listRootfs(layout);
  assert.deepEqual(
    listed.map(({ name }) => name),
    [...names, 'base', 'first'].sort(),
  );
  assert.ok(listed.every(({ os }) => os === 'Base'));
  // Copied by another program, it is as large as the base.
  const copy = join(store.dir, 'copy');
  execFileSync('cp', ['-a', layout.rootfsDir('app-3'), copy]);
  assert.equal(fingerprint(copy, ...added), like);
  assert.equal((await stat(join(copy, 'usr/lib/large'))).nlink, 1);

  // What happens to one, or to the base, happens to none of the others.
  await importApp('first', app('other'), { force: true });
  await handleFsRm(loggedContext().ctx, { name: 'base' }, deps);
  await handleFsRm(loggedContext().ctx, { name: 'first' }, deps);
  await handleFsGc(loggedContext().ctx, {}, deps);
  await whole();
});
