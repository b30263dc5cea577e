import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { layoutOf } from '../../src/base/paths.ts';
import { contracts, jobRecord, type ResultOf } from '../../src/contracts/index.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { removeTree } from '../../src/system/fs/remove-tree.ts';
import { output, outsideTestHost } from '../helpers/container-host.ts';
import { type DockerRegistry, startDockerRegistry } from '../helpers/docker-registry.ts';
import { layoutFiles, pushImage, testImage, writeFiles } from '../helpers/oci-image.ts';
import { sdmeProgram } from '../helpers/sdme-program.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** What a call must print: all of standard output, and a line of standard error. */
type Expected = readonly [args: string, code: number, stdout: string, stderr: RegExp];

describe('the fs verbs', { skip: outsideTestHost(), timeout: 200_000 }, () => {
  const stack = new AsyncDisposableStack();
  const layout = layoutOf('/var/lib/sdme/fs-verbs', '/run/sdme-fs-verbs');
  const sdme = sdmeProgram(layout);
  let registry: DockerRegistry;
  let sources: string;

  before(async () => {
    const { worker, queue } = embeddedUnitNames(layout);
    stack.defer(async () => {
      await output('systemctl', 'stop', worker, queue);
      await removeTree(layout.dataDir);
      await removeTree(layout.runtimeDir);
    });
    registry = stack.use(await startDockerRegistry());
    const base = await testImage({ layers: [{ 'etc/os-release': 'ID=debian\nPRETTY_NAME="Small 1"\n' }] });
    await pushImage(registry.host, 'small', '1', [base]);
    sources = stack.use(await tempDir('sdme-sources-')).path;
    const tree = join(sources, 'tree');
    await mkdir(join(tree, 'etc'), { recursive: true });
    await writeFile(join(tree, 'etc/os-release'), 'ID=frobnix\nPRETTY_NAME="Frobnix 3"\n');
    execFileSync('tar', ['-C', tree, '-cJf', join(sources, 'box.tar.xz'), '.']);
    execFileSync('mkfifo', [join(sources, 'pipe')]);
    await writeFile(join(sources, 'disk.raw'), 'no tar');
    const app = await testImage({ config: { Entrypoint: ['/app'] } });
    await writeFiles(join(sources, 'app'), layoutFiles([app]));
  });
  after(() => stack.disposeAsync());

  /** Runs each call in turn; `$D` is the directory of sources, `$R` the registry. */
  async function runAll(calls: readonly Expected[]): Promise<void> {
    for (const [args, code, stdout, stderr] of calls) {
      const words = args.split(' ').map((word) => word.replace('$D', sources).replace('$R', registry.host));
      const ended = await sdme.run(...words);
      assert.deepEqual([ended.code, ended.stdout], [code, stdout], `${args}: ${ended.stderr}`);
      assert.match(ended.stderr, stderr, args);
    }
  }

  /** Imports the small image, and gives what the job's record says of it. */
  async function importAgain(name: string, ...flags: string[]): Promise<ResultOf<'fs.import'>> {
    const id = await sdme.ok(
      'fs',
      'import',
      `${registry.host}/small:1`,
      '--force',
      '--name',
      name,
      '--detach',
      ...flags,
    );
    await sdme.ok('job', 'wait', id);
    const { result } = jobRecord.parse(JSON.parse(await sdme.ok('job', 'show', id, '--json')));
    return contracts['fs.import'].result.parse(result);
  }

  test('with nothing in the store they say so', () =>
    runAll([
      ['fs ls', 0, 'no root filesystems found\n', /^$/],
      ['fs ls --json', 0, '[]\n', /^$/],
      ['fs rm --all', 0, '', /^no fs entries to remove$/m],
      ['fs gc', 0, 'no stale transactions found\n', /^$/],
      ['fs cache ls', 0, 'no cached blobs\n', /^$/],
      ['fs cache clean', 0, 'nothing to clean\n', /^$/],
    ]));

  test('imports that cannot be are refused in the agreed words', () =>
    runAll([
      ['fs import $D/none.tar', 1, '', /^Error: source path does not exist: \/.*\/none\.tar$/m],
      ['fs import $D/pipe', 1, '', /^Error: source path is not a file or directory: \/.*\/pipe$/m],
      ['fs import $D/disk.raw --name disk', 1, '', /is a disk image, which cannot be imported/],
      [
        'fs import $D/Box_1.tar',
        1,
        '',
        /^Error: cannot infer a valid rootfs name from '.*'; use --name <name>$/m,
      ],
      ['fs import $D/tree --name Box', 1, '', /^Error: .*must start with a lowercase letter/m],
      ['fs import $R/nope', 1, '', /^Error: the registry has no 127\.0\.0\.1:\d+\/nope:latest/m],
      ['fs import $R/small@sha256:00', 1, '', /must be a sha256 or sha512 digest/],
      ['fs import $D/app --base-fs none', 1, '', /^Error: base rootfs not found: none$/m],
      [
        'fs import $D/app',
        1,
        '',
        /^OCI image: application$[\s\S]*appears to be an application container.*--base-fs/m,
      ],
      [
        'fs import $D/app --base-fs none --oci-mode base',
        1,
        '',
        /^Error: --base-fs cannot be used with --oci-mode=base$/m,
      ],
      [
        'fs import $D/box.tar.xz',
        1,
        '',
        /^Error: systemd and dbus not found in rootfs and running non-interactively; re-run with --install-packages=yes or -f to override$/m,
      ],
      [
        'fs import $D/box.tar.xz --install-packages yes',
        1,
        '',
        /^Error: cannot install packages: .* the distribution family 'unknown'/m,
      ],
      [
        'fs import $D/box.tar.xz --install-packages no',
        1,
        '',
        /^Error: systemd and dbus not found in rootfs/m,
      ],
      ['fs ls', 0, 'no root filesystems found\n', /^$/],
    ]));

  test('blobs of images are kept, listed, and cleaned away', async () => {
    await sdme.ok('fs', 'import', `${registry.host}/small:1`, '--force', '--name', 'first');
    const info = await sdme.ok('fs', 'cache', 'info');
    const size = '[0-9.]+[BK] \\(\\d+\\)';
    const lines = [
      `directory = ${layout.blobCacheDir}`,
      'blobs = 2',
      `size = ${size}`,
      'max_size = 10G \\(10737418240\\)',
    ];
    assert.match(info, new RegExp(`^${lines.join('\n')}$`));
    assert.match(
      await sdme.ok('fs', 'cache', 'ls'),
      /^DIGEST +SIZE +LAST ACCESS\n(sha256:[0-9a-f]{64} +[0-9.]+[BK] +\d{4}-\d\d-\d\d \d\d:\d\d\S*\n?){2}$/,
    );
    const { fetchedBytes, cachedBytes } = await importAgain('second');
    assert.ok(fetchedBytes === 0 && cachedBytes > 0, 'the second import takes them from there');
    await runAll([
      ['fs cache clean', 0, 'nothing to clean\n', /^$/],
      ['fs rm first second', 0, 'first\nsecond\n', /^removing 'first'$/m],
    ]);
    assert.match(await sdme.ok('fs', 'cache', 'clean', '--all'), /^freed [0-9.]+[BK]$/);
    assert.equal(await sdme.ok('fs', 'cache', 'ls'), 'no cached blobs');
    await importAgain('third', '--no-cache');
    assert.equal(await sdme.ok('fs', 'cache', 'ls'), 'no cached blobs');
    await sdme.ok('fs', 'rm', 'third');
    await writeFile(`${sources}/off.conf`, 'oci_cache_max_size = "0"\n');
    assert.match(
      await sdme.ok('fs', 'cache', 'info', '--config', `${sources}/off.conf`),
      /^status = disabled$/m,
    );
  });

  test('what a dead import left is cleaned away', async () => {
    await mkdir(join(layout.fsDir, '.box.import-txn-99999999'), { recursive: true });
    assert.equal(await sdme.ok('fs', 'gc'), 'cleaned 1 stale transaction(s)');
    assert.equal(await sdme.ok('fs', 'gc'), 'no stale transactions found');
  });

  test('what is imported is listed, replaced with --force, and removed', () =>
    runAll([
      ['fs import $D/box.tar.xz -f', 0, 'box\n', /^importing 'box'$[\s\S]*going on because of -f$/m],
      [
        'fs import $D/tree --name box',
        1,
        '',
        /^Error: fs already exists: box; use --force to replace it or --name <name> to import separately$/m,
      ],
      ['fs import $D/tree --name box --force', 0, 'box\n', /^importing 'box'$/m],
      ['fs import $R/small:1 --force', 0, 'small\n', /^OCI image: base OS$/m],
      [
        'fs ls',
        0,
        `NAME   OS         PATH\nbox    Frobnix 3  ${layout.fsDir}/box\nsmall  Small 1    ${layout.fsDir}/small\n`,
        /^$/,
      ],
      ['create web -r box', 0, 'web\n', /^creating 'web'$/m],
      [
        'fs ls --json',
        0,
        '[{"name":"box","os":"Frobnix 3","containers":["web"]},{"name":"small","os":"Small 1","containers":[]}]\n',
        /^$/,
      ],
      [
        'fs rm box none small',
        1,
        'small\n',
        /^removing 'box'\nerror: box: fs 'box' is in use by container 'web'\nremoving 'none'\nerror: none: fs not found: none\nremoving 'small'$[\s\S]*^Error: some fs entries could not be removed$/m,
      ],
      ['fs rm --all', 1, '', /^Error: use -f to confirm removal in non-interactive mode$/m],
      ['rm web', 0, 'web\n', /^removing 'web'$/m],
      ['fs rm --all -f', 0, 'box\n', /^removing 'box'$/m],
      ['fs gc', 0, 'no stale transactions found\n', /^ {2}remove$/m],
    ]));
});
