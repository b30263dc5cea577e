import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { handleFsImport } from '../../jobs/fs-import.ts';
import { loggedContext } from '../helpers/container-host.ts';
import { openOnBase } from '../helpers/import-on-base.ts';
import { importInput, rootMissing } from '../helpers/import-store.ts';
import { writeFiles } from '../helpers/oci-image.ts';
import { layoutOfTar } from '../helpers/tar-layer.ts';

describe('what an image’s configuration asks for stays in its root', { skip: rootMissing() ?? false }, () => {
  const stack = new AsyncDisposableStack();
  let store: Awaited<ReturnType<typeof openOnBase>>;
  let layer: Buffer;
  let outside = '';
  let imported = 0;

  before(async () => {
    store = stack.use(await openOnBase());
    outside = join(store.dir, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'program'), '', { mode: 0o755 });
    await writeFile(join(outside, 'passwd'), 'spy:x:0:0::/:\n');
    const image = join(store.dir, 'image');
    for (const directory of ['bin', 'etc', 'srv']) await mkdir(join(image, directory), { recursive: true });
    await writeFile(join(image, 'bin/real'), '');
    await chmod(join(image, 'bin/real'), 0o755);
    await writeFile(join(image, 'file'), '');
    await writeFile(join(image, 'srv/real'), '', { mode: 0o644 });
    for (const [path, target] of [
      ['bin/out', join(outside, 'program')],
      ['bin/up', `../../../../../../../../../../..${outside}/program`],
      ['bin/within', '../../../bin/real'],
      ['etc/passwd', join(outside, 'passwd')],
      ['away', outside],
      ['home', '/srv'],
    ] as const)
      await symlink(target, join(image, path));
    layer = execFileSync('tar', ['-C', image, '-c', '.']);
  });
  after(() => stack.disposeAsync());

  /** Imports the image with a configuration. @returns its name and what was said */
  async function importWith(config: object): Promise<{ name: string; lines: string[] }> {
    const name = `app-${imported++}`;
    const layout = join(store.dir, name);
    await writeFiles(layout, layoutOfTar(layer, { Entrypoint: ['/bin/real'], ...config }));
    const { ctx, lines } = loggedContext(undefined, name);
    const input = importInput(layout, { name, baseFs: 'base', force: false });
    await handleFsImport(ctx, input, { ...store, host: 'test' });
    return { name, lines };
  }
  const inApplication = (name: string, path: string): string =>
    join(store.layout.rootfsDir(name), 'oci/apps', name, path);
  const command = async (name: string): Promise<string> => {
    const unit = join(store.layout.rootfsDir(name), `etc/systemd/system/sdme-oci-${name}.service`);
    return /^ExecStart=\S+ (.*)$/m.exec(await readFile(unit, 'utf8'))?.[1] ?? '';
  };

  test('H4 a working directory is made in the root, or refused', async () => {
    for (const WorkingDir of ['../..', 'srv', '/file', '/away/made', '/a/../../b'])
      await assert.rejects(importWith({ WorkingDir }), WorkingDir);
    const made = await importWith({ WorkingDir: '/home/made' });
    assert.equal(await command(made.name), '0 0 /home/made /bin/real');
    assert.ok((await stat(inApplication(made.name, 'root/srv/made'))).isDirectory(), 'by a link in the root');
    assert.deepEqual(
      ['made', 'b'].filter((name) => existsSync(join(outside, name))),
      [],
    );
  });

  test('H5 volumes are directories of the root; others are left out and said', async () => {
    const outside = ['/../../x', '', '/', '/proc', '/dev/shm', '/away', '/away/deep', 'srv', '/a:/b'];
    const unfit = ['/file', '/file/x', '/usr', '/usr/sbin', `/${'a'.repeat(256)}`];
    for (const odd of [outside, unfit]) {
      const Volumes = Object.fromEntries([...odd, '/etc', '/srv/data'].map((path) => [path, {}]));
      const { name, lines } = await importWith({ Volumes });
      assert.equal(await readFile(inApplication(name, 'volumes'), 'utf8'), '/etc\n/srv/data\n');
      for (const path of odd)
        assert.ok(
          lines.some((line) => line.includes(`volume ${JSON.stringify(path.slice(0, 100))}: `)),
          path,
        );
    }
  });

  test('what an image has in the way of ours is refused by its path', async () => {
    const refusals: readonly (readonly [string, (image: string) => Promise<unknown>])[] = [
      ['/usr/sbin/sdme-isolate', (image) => mkdir(join(image, 'usr/sbin/sdme-isolate'), { recursive: true })],
      ['/run', (image) => symlink('/oci', join(image, 'run'))],
      ['/etc/hosts', (image) => mkdir(join(image, 'etc/hosts'), { recursive: true })],
    ];
    for (const [index, [path, make]] of refusals.entries()) {
      const image = join(store.dir, `in-the-way-${index}`);
      await mkdir(image);
      await make(image);
      const bad = execFileSync('tar', ['-C', image, '-c', '.']);
      const layout = join(store.dir, `bad-${index}`);
      await writeFiles(layout, layoutOfTar(bad, { Entrypoint: ['/bin/real'] }));
      const input = importInput(layout, { name: `bad-${index}`, baseFs: 'base', force: false });
      await assert.rejects(handleFsImport(loggedContext().ctx, input, { ...store, host: 'test' }), {
        code: 'input.invalid',
        message: new RegExp(`in the way at "${path}"`),
      });
    }
  });

  test('H6 a user who is only in a file of the host behind a link is not found', async () => {
    await assert.rejects(importWith({ User: 'spy' }), { message: "OCI User 'spy' not found" });
  });

  test('H11 a program is looked for in the root, and one that is not there stays as it is', async () => {
    const started = async (...Entrypoint: string[]): Promise<string> =>
      command((await importWith({ Entrypoint, Env: ['PATH=/bin'] })).name);
    const { name } = await importWith({ Entrypoint: ['real'], Env: ['PATH=/srv:/bin'] });
    assert.equal(await command(name), '0 0 / /bin/real', 'a file that nobody may execute is no program');
    assert.equal(await started('within'), '0 0 / /bin/within', 'a link in the root');
    await assert.rejects(started('within', 'x\ufffey'), { code: 'input.invalid', message: /no \/bin\/sh/ });
    for (const word of ['out', 'up', 'nowhere']) assert.equal(await started(word), `0 0 / ${word}`);
  });
});
