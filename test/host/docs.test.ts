import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type Layout, layoutOf } from '../../src/base/paths.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { removeTree } from '../../src/system/fs/remove-tree.ts';
import { output, outsideTestHost, traces } from '../helpers/container-host.ts';
import { debianImage, pushLayout, writeMirrorRule } from '../helpers/debian-image.ts';
import { type DockerRegistry, startDockerRegistry } from '../helpers/docker-registry.ts';
import { layoutFiles, testImage, writeFiles } from '../helpers/oci-image.ts';
import { blocksOf, readPage, shellScript } from '../helpers/page-blocks.ts';
import { sdmeProgram } from '../helpers/sdme-program.ts';
import { pushServers } from '../helpers/server-images.ts';

const run = promisify(execFile);
const checkout = join(import.meta.dirname, '../..');

/** Says on which line of the page a command failed. */
const prelude = `set -eEuo pipefail; trap 'echo "line $LINENO: $BASH_COMMAND: ended with $?"' ERR; `;

/** Why what the pages show cannot be run here: they write below /etc and use the names that people use. */
const skip =
  process.env.SDME_TEST_ON_HOST === '1' ? 'writes below /etc, so only in a test host' : outsideTestHost();

describe('what the documentation shows', { skip, timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack();
  let registry: DockerRegistry;
  const layout: Layout = layoutOf('/var/lib/sdme/docs', '/run/sdme-docs');
  const work = '/tmp/docs';
  const env = {
    ...process.env,
    PATH: `${work}/bin:${process.env.PATH}`,
    SDME_DATADIR: layout.dataDir,
    SDME_RUNDIR: layout.runtimeDir,
    SYSTEMD_PAGER: 'cat',
  };

  before(async () => {
    await mkdir(`${work}/bin`, { recursive: true });
    stack.defer(() => removeTree(work));
    await symlink(join(checkout, 'sdme'), `${work}/bin/sdme`);
    await mkdir('/etc/containers', { recursive: true });
    stack.defer(() => rm('/etc/containers', { recursive: true }));
    const { worker, queue } = embeddedUnitNames(layout);
    stack.defer(async () => {
      await sdmeProgram(layout).run('rm', '--all', '--force');
      await output('systemctl', 'stop', worker, queue);
      await removeTree(layout.dataDir);
      await removeTree(layout.runtimeDir);
    });
    registry = stack.use(await startDockerRegistry());
    await writeMirrorRule('/etc/containers/registries.conf', 'docker.io', registry.host);
    const { layout: image, tarball } = await debianImage();
    for (const tag of ['trixie', 'bookworm'])
      await pushLayout(image, 'trixie', registry.host, `library/debian:${tag}`);
    await mkdir(`${work}/images`);
    await symlink(tarball, `${work}/images/alpine.tar.gz`);
  });
  after(() => stack.disposeAsync());

  /** Runs the commands below a heading as one script on a terminal, and types `exit` into shells that they open. */
  async function runPage(path: string, heading: string): Promise<string> {
    await writeFile(`${work}/script`, prelude + shellScript(readPage(path), heading));
    const terminal = ['--quiet', '--return', '--flush', '--command', 'bash script', '/dev/null'];
    const shell = spawn('script', terminal, { cwd: work, env, stdio: 'pipe', timeout: 100_000 });
    let said = '';
    shell.stdout.setEncoding('utf8').on('data', (part: string) => {
      said += part;
      if (/(?:root@\S+|[\n\\])#[^\n]*$/.test(said)) shell.stdin.write('exit\n');
    });
    const [code] = await once(shell, 'close');
    assert.equal(code, 0, `${path}: ${said}`);
    return said.replaceAll('\r', '');
  }

  test('the commands of docs/import.md run as they stand', async () => {
    const { tarball } = await debianImage();
    await symlink(tarball, `${work}/rootfs.tar.zst`);
    await mkdir(`${work}/tree/etc`, { recursive: true });
    const app = await testImage({ config: { Entrypoint: ['/bin/app'], Cmd: null } });
    await writeFiles(`${work}/app`, layoutFiles([app]));
    const said = await runPage('docs/import.md', '# Importing root filesystems');
    assert.match(said, /^NAME +OS +PATH\ndebian .*\nsmall .*\ntree /m);
    const sdme = sdmeProgram(layout);
    assert.match(await sdme.ok('fs', 'ls'), /^NAME .*\ndebian .*\nshop +Debian GNU\/Linux [^\n]*$/);
    await sdme.ok('fs', 'rm', '--all', '--force');
  });

  test('the commands of docs/workloads.md run as they stand', async () => {
    await pushServers(registry.host, work, ['nginx', 'postgres'], 'library/');
    const said = await runPage('docs/workloads.md', '# Workloads');
    assert.match(said, /Welcome to nginx/, 'the application answers');
    assert.match(said, /"GET \/ HTTP\/1\.1" 200/, 'its log is shown');
    assert.match(said, /^ActiveState=active$/m);
    const log = await sdmeProgram(layout).ok('logs', 'web', '--oci', '--', '--no-pager');
    assert.equal(log.match(/signal 1 \(SIGHUP\) received/g)?.length, 1, 'the signal came once');
    assert.match(said, / nginx\.conf\s/, 'a command among its processes');
    assert.match(said, /volume data retained at /);
    const sdme = sdmeProgram(layout);
    assert.deepEqual((await sdme.ok('rm', 'web', 'db')).split('\n'), ['web', 'db']);
    await sdme.ok('fs', 'rm', '--all', '--force');
  });

  test('the tour of README.md runs as it stands', async () => {
    const said = await runPage('README.md', '## A tour');
    assert.match(said, /^web +running +ok /m, 'ps shows the container');
    assert.match(said, /^running$/m, 'systemd is up in it');
    assert.deepEqual(await traces(layout, 'web'), []);
    assert.match(await sdmeProgram(layout).ok('fs', 'ls'), /^bookworm .*\ndebian .*\nother .*\ntrixie /m);
  });

  test('the commands of docs/cli.md run as they stand', async () => {
    const sdme = sdmeProgram(layout);
    await sdme.ok('create', 'web', '-r', 'debian', '--started');
    for (const directory of ['bash_completion.d', 'fish/completions'])
      await mkdir(join('/etc', directory), { recursive: true });
    await mkdir('/usr/share/zsh/site-functions', { recursive: true });
    const [list] = blocksOf(readPage('docs/cli.md')).filter(({ language }) => language === 'text');
    await writeFile(`${work}/images.txt`, list?.text ?? '');
    await runPage('docs/cli.md', '# The command line');
  });

  test('the unit of docs/jobs.md is a worker of a shared queue, and without it a verb says what is missing', async () => {
    const server = spawn('redis-server', ['--port', '6390', '--bind', '127.0.0.1', '--save', ''], {
      cwd: work,
      stdio: 'ignore',
    });
    const unit = 'sdme-shared-worker.service';
    const own = layoutOf('/var/lib/sdme/docs-shared', '/run/sdme-docs-shared');
    try {
      const shared = { SDME_REDIS_URL: 'redis://127.0.0.1:6390' };
      const call = sdmeProgram(own, shared).start(['fs', 'gc']);
      await call.says(/^waiting, but no worker takes jobs for host \S+; /m);
      const [page] = blocksOf(readPage('docs/jobs.md')).filter(({ language }) => language === 'ini');
      const here = { SDME_DATADIR: own.dataDir, SDME_RUNDIR: own.runtimeDir, ...shared };
      const variables = Object.entries(here).map(([name, value]) => `Environment=${name}=${value}`);
      const text = (page?.text ?? '')
        .replace(/^Environment=.*$/m, variables.join('\n'))
        .replaceAll('/opt/sdme', checkout);
      await writeFile(`/run/systemd/system/${unit}`, text);
      await output('systemctl', 'daemon-reload');
      await output('systemctl', 'start', unit);
      assert.deepEqual((await call.ended).code, 0);
      const log = await output('journalctl', '--unit', unit, '--output', 'cat');
      assert.match(log, /it has no append-only file/);
    } finally {
      await output('systemctl', 'stop', unit).catch(() => undefined);
      await rm(`/run/systemd/system/${unit}`, { force: true });
      server.kill();
      await once(server, 'close');
      for (const directory of [own.dataDir, own.runtimeDir]) await removeTree(directory);
    }
  });

  test('the batch file in YAML of docs/cli.md is one', async () => {
    const [yaml] = blocksOf(readPage('docs/cli.md')).filter(({ language }) => language === 'yaml');
    await writeFile(`${work}/images.yaml`, yaml?.text ?? '');
    // One of its names may be taken by now, which the plan says too.
    const planned = await sdmeProgram(layout).run('batch', 'submit', `${work}/images.yaml`, '--plan');
    assert.match(planned.stdout, /^sources = 2$/m, planned.stderr);
  });

  test('the TypeScript example of README.md imports an image', async () => {
    const [example] = blocksOf(readPage('README.md')).filter(({ language }) => language === 'ts');
    const directory = `${work}/program`;
    await mkdir(`${directory}/node_modules`, { recursive: true });
    await symlink(checkout, `${directory}/node_modules/sdme`);
    await writeFile(`${directory}/package.json`, '{"type":"module"}');
    await writeFile(`${directory}/example.ts`, example?.text ?? '');
    const options = { cwd: directory, env, timeout: 60_000 };
    const { stdout } = await run(process.execPath, ['example.ts'], options);
    assert.match(stdout, /^\/.*\/fs\/from-a-program$/m);
  });
});
