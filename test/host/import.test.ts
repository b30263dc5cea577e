import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { handleContainerStart } from '../../jobs/container-start.ts';
import { handleContainerStop } from '../../jobs/container-stop.ts';
import { handleFsImport } from '../../jobs/fs-import.ts';
import { handleFsRm } from '../../jobs/fs-rm.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { contracts } from '../../src/contracts/index.ts';
import { execCommand } from '../../src/nspawn/exec-command.ts';
import { listRootfs } from '../../src/rootfs/index.ts';
import { removeTree } from '../../src/system/fs/remove-tree.ts';
import { loggedContext, output, outsideTestHost, traces } from '../helpers/container-host.ts';
import { type DebianImage, debianImage } from '../helpers/debian-image.ts';
import { openTestStore, type TestStore } from '../helpers/import-store.ts';

const isError =
  (code: string, message: string) =>
  (error: unknown): boolean =>
    error instanceof SdmeError && error.code === code && error.message === message;

describe('imports', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack();
  let store: TestStore & { readonly host: string };
  let debian: DebianImage;
  before(async () => {
    const dataDir = '/var/lib/sdme/import';
    stack.defer(() => removeTree(dataDir));
    const opened = stack.use(await openTestStore({}, dataDir));
    store = Object.assign(opened, { host: 'test' });
    debian = await debianImage();
  });
  after(() => stack.disposeAsync());

  const importAs = (name: string, source: string, force = false) =>
    handleFsImport(
      loggedContext(undefined, `import-${name}`).ctx,
      contracts['fs.import'].input.parse({ name, source, force }),
      store,
    );
  const removeRootfs = (name: string) => handleFsRm(loggedContext().ctx, { name }, store);

  /** Boots a container of the rootfs, runs a command in it, stops it, and removes it. */
  const bootAndRemove = async (
    rootfs: string,
    inBetween: () => Promise<void> = async () => {},
  ): Promise<void> => {
    const name = `box-${rootfs}`;
    const input = contracts['container.create'].input.parse({ name, rootfs });
    await handleContainerCreate(loggedContext().ctx, input, store);
    await handleContainerStart(loggedContext().ctx, { name, timeout: 60 }, store);
    const { program, args } = execCommand({ container: name, command: ['cat', '/etc/os-release'] });
    assert.match(await output(program, ...args), /^ID=debian$/m);
    await inBetween();
    await handleContainerStop(loggedContext().ctx, contracts['container.stop'].input.parse({ name }), store);
    await handleContainerRm(loggedContext().ctx, { name }, store);
    assert.deepEqual(await traces(store.layout, name), []);
  };

  for (const kind of ['tarball', 'directory', 'layout'] as const) {
    test(`a rootfs imported from a ${kind} boots, runs a command, stops, and is removed without a trace`, async () => {
      const source = kind === 'directory' ? debian.root : debian[kind];
      const result = await importAs(kind, source);
      assert.equal(result.kind, kind);
      assert.equal((await stat(result.path)).mode & 0o777, 0o755);
      await bootAndRemove(kind);
      await removeRootfs(kind);
      assert.deepEqual(await readdir(store.layout.fsDir), []);
    });
  }

  test('a rootfs that a running container uses is neither removed nor replaced', async () => {
    await importAs('used', debian.tarball);
    const meta = await readFile(store.layout.rootfsMetaFile('used'), 'utf8');
    await bootAndRemove('used', async () => {
      const refusal = isError('in-use', "fs 'used' is in use by container 'box-used'");
      await assert.rejects(removeRootfs('used'), refusal);
      await assert.rejects(
        handleFsImport(
          loggedContext(undefined, 'another').ctx,
          contracts['fs.import'].input.parse({ name: 'used', source: debian.root, force: true }),
          store,
        ),
        refusal,
      );
      const [listed] = await listRootfs(store.layout);
      assert.deepEqual(listed?.containers, ['box-used']);
      assert.match(listed?.os ?? '', /^Debian GNU\/Linux/);
    });
    assert.equal(await readFile(store.layout.rootfsMetaFile('used'), 'utf8'), meta);
    assert.ok((await readdir(join(store.layout.rootfsDir('used'), 'etc'))).includes('debian_version'));
    await removeRootfs('used');
  });
});
