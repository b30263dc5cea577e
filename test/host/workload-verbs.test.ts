import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { output, outsideTestHost } from '../helpers/container-host.ts';
import { debianTree } from '../helpers/debian-image.ts';
import { tarOf, writeFiles } from '../helpers/oci-image.ts';
import { layoutOfTar } from '../helpers/tar-layer.ts';
import { openWorkloadStage, type WorkloadStage } from '../helpers/workload-stage.ts';

const hasAppArmor = existsSync('/sys/kernel/security/apparmor/profiles');
const strict = ['--strict', ...(hasAppArmor ? [] : ['--apparmor-profile', 'unconfined'])];
const script = `env > /tmp/env; for kind in pid ipc mnt net; do readlink /proc/self/ns/$kind; done > /tmp/spaces
echo kept > /srv/data/f; echo up; exec sleep 100000`;

describe('verbs and flags for applications', { skip: outsideTestHost(), timeout: 200_000 }, () => {
  const stack = new AsyncDisposableStack();
  let stage: WorkloadStage;
  const inApp = async (...command: string[]): Promise<string> =>
    (await stage.sdme.ok('exec', 'box', '--oci', '--', 'busybox', ...command)).trim();
  const ownerOf = async (path: string): Promise<number[]> => {
    const { uid, gid, mode } = await stat(path);
    return [uid, gid, mode & 0o7777];
  };
  const stateOf = (container: string): Promise<string> =>
    readFile(join(stage.layout.dataDir, 'state', container), 'utf8');

  before(async () => {
    stage = stack.use(await openWorkloadStage('workload-verbs'));
    const busybox = await readFile(join(await debianTree('servers'), 'bin/busybox'));
    const files = { 'bin/sh': busybox, 'bin/busybox': busybox, 'etc/mark': 'of the image\n' };
    const config = {
      Cmd: ['sh', '-c', script],
      User: '1000:1000',
      Env: ['PATH=/bin', 'A=of the image', 'KEPT=two\nlines'],
      ExposedPorts: { '8080/tcp': {}, '53/udp': {} },
      Volumes: { '/srv/data/a/system': {}, '/srv/data': {}, '/shared': {} },
    };
    const layer = join(stage.dir, 'layer.tar');
    await writeFile(layer, await tarOf(files, ['bin/sh', 'bin/busybox']));
    const shared = join(stage.dir, 'shared');
    await mkdir(shared);
    await chown(shared, 7, 8);
    await chmod(shared, 0o1777);
    await output('tar', '--append', '--file', layer, '-C', stage.dir, 'shared');
    await writeFiles(join(stage.dir, 'app'), layoutOfTar(await readFile(layer), config));
    await stage.sdme.ok('fs', 'import', join(stage.dir, 'app'), '--base-fs', 'base');
    const variables = ['--oci-env', 'A=mine', '--oci-env', 'B=$x "y" %n'];
    const bound = join(stage.dir, 'bound');
    await mkdir(bound);
    const bind = ['-b', `${bound}:/oci/apps/app/root/made/here`];
    await stage.sdme.ok('create', 'box', '-r', 'app', ...strict, ...variables, ...bind, '--started');
    await stage.until('its start', 'box', 'app', async () => /^up$/m.test(await stage.journal('box', 'app')));
  });
  after(() => stack.disposeAsync());

  test('--oci-env sets variables for one container, and the rootfs keeps its own', async () => {
    const env = (await inApp('cat', '/tmp/env')).split('\n');
    for (const line of ['A=mine', 'B=$x "y" %n', 'KEPT=two', 'lines']) assert.ok(env.includes(line), line);
    assert.doesNotMatch(await output('ps', '-eo', 'args'), /A=mine/);
    const own = join(stage.layout.containerDir('box'), 'upper/oci/apps/app/env');
    assert.match(await readFile(own, 'utf8'), /A="?mine/);
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    await assert.rejects(output('setpriv', ...nobody, 'cat', own), /Permission denied/);
    const kept = join(stage.layout.rootfsDir('app'), 'oci/apps/app/env');
    assert.match(await readFile(kept, 'utf8'), /^A="of the image"\nKEPT="two\nlines"\n$/m);
    const { code, stderr } = await stage.sdme.run('create', 'none', '-r', 'base', '--oci-env', 'A=1');
    assert.deepEqual([code, /--oci-env requires an OCI app rootfs/.test(stderr)], [1, true]);
  });

  test('--no-oci-ports and --no-oci-volumes leave what the image declares', async () => {
    const create = (name: string, ...flags: string[]): Promise<string> =>
      stage.sdme.ok('create', name, '-r', 'app', '--network-veth', ...flags);
    await create('with', '--port', 'tcp:9000:8080', '--read-only', '--started');
    assert.match(await stateOf('with'), /^PORTS=tcp:9000:8080,udp:53:53$/m, 'a port that is mapped stays so');
    assert.match(await stateOf('with'), /^OCI_VOLUMES=\/shared,\/srv\/data$/m);
    assert.ok(existsSync(join(stage.layout.volumesDir, 'with/srv-data')));
    await create('without', '--no-oci-ports', '--no-oci-volumes');
    assert.doesNotMatch(await stateOf('without'), /^(PORTS|BINDS|OCI_VOLUMES)=/m);
    assert.ok(!existsSync(join(stage.layout.volumesDir, 'without')));
  });

  test('in a container whose root is read-only an application starts, and writes to its volumes alone', async () => {
    await stage.until('its start', 'with', 'app', async () =>
      /^up$/m.test(await stage.journal('with', 'app')),
    );
    assert.match(await stage.journal('with', 'app'), /\/tmp\/env: Read-only file system/);
    const volume = join(stage.layout.volumesDir, 'with/srv-data');
    assert.deepEqual(await ownerOf(volume), [1000, 1000, 0o755]);
    assert.equal(await readFile(join(volume, 'f'), 'utf8'), 'kept\n');
    await stage.sdme.ok('stop', 'with');
  });

  test('an empty volume has owner and mode of the image’s directory, else the application’s user, inside and outside', async () => {
    const volume = (name: string): string => join(stage.layout.volumesDir, 'box', name);
    assert.deepEqual(await ownerOf(volume('srv-data')), [1000, 1000, 0o755]);
    assert.deepEqual(await ownerOf(volume('shared')), [7, 8, 0o1777]);
    assert.equal(await inApp('stat', '-c', '%u:%g %a', '/srv/data', '/shared'), '1000:1000 755\n7:8 1777');
  });

  test('exec --oci runs in the application’s namespaces and root, with its streams and code', async () => {
    const kinds = ['pid', 'ipc', 'mnt', 'net'];
    const spaces = await Promise.all(kinds.map((kind) => inApp('readlink', `/proc/self/ns/${kind}`)));
    assert.equal(spaces.join('\n'), await inApp('cat', '/tmp/spaces'));
    assert.equal(await inApp('cat', '/etc/mark'), 'of the image');
    for (const directory of ['.', '..', '/..'])
      assert.match(await inApp('ls', '-a', directory), /^\.sdme|^bin$/m);
    assert.doesNotMatch(
      await inApp('ls', '.', '..'),
      /^oci$|^boot$/m,
      'no directory of its container or host',
    );
    const bytes = 'a\0b\xffc\r\n';
    const piped = ['exec', 'box', '--oci', 'app', '--', 'sh', '-c', 'cat; echo err >&2; exit 7'];
    const ended = await stage.sdme.start(piped, bytes).ended;
    assert.deepEqual(ended, { code: 7, stdout: bytes, stderr: 'err\n' });
    assert.equal(
      await stage.sdme.ok('exec', '--oci', '--', 'box', 'sh', '-c', 'echo "$@"', 'sh', '$1'),
      '$1',
    );
  });

  test('join --oci opens a shell; on a terminal it has that, its jobs and its code', async () => {
    const piped = await stage.sdme.start(['join', 'box', '--oci'], 'cat /etc/mark; exit 4\n').ended;
    assert.deepEqual([piped.code, piped.stdout], [4, 'of the image\n']);
    const { dataDir, runtimeDir } = stage.layout;
    const env = { ...process.env, SDME_DATADIR: dataDir, SDME_RUNDIR: runtimeDir };
    const call = ['--quiet', '--return', '--command', './sdme join box --oci', '/dev/null'];
    const shell = spawn('script', call, { env, timeout: 30_000 });
    let said = '';
    // What is typed once the output ends as it says: a prompt, or a command that waits to be interrupted.
    const prompt = /[#$] (?:\S{4})?$/;
    const talk: [RegExp, string][] = [
      [prompt, 'test -t 0 && cat /etc/mark\n'],
      // Of all that runs there, the kernel lets nobody through to another root.
      [prompt, 'for p in /proc/[0-9]*; do ls $p/root/; done\n'],
      [prompt, "sh -c 'echo begun; exec sleep 1000'\n"],
      [/\nbegun\r\n$/, '\x03'],
      [prompt, 'exit 5\n'],
    ];
    shell.stdout.setEncoding('utf8').on('data', (part: string) => {
      said += part;
      if (talk[0]?.[0].test(said)) shell.stdin.write(talk.shift()?.[1] ?? '');
    });
    const [code] = await once(shell, 'close');
    assert.equal(code, 5, said);
    assert.match(said, /\nof the image\r/);
    assert.doesNotMatch(said, /job control|process group/);
    assert.match(said, /^(\S+\s+)*srv\b/m);
    assert.doesNotMatch(said, /\s(oci|boot)\s/);
  });

  test('logs --oci shows the journal of the application, as journalctl is told to', async () => {
    const shown = await stage.sdme.ok('logs', 'box', '--oci', '--', '-o', 'cat', '-t', 'app');
    assert.equal(shown, 'up');
    assert.match(
      await stage.sdme.ok('logs', '--oci', '--', 'box', '-n', '1', '-t', 'app'),
      /box app\[\d+\]: up$/,
    );
  });

  test('an application that is not there, or does not run, is named', async () => {
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await stage.sdme.run(...args);
      assert.equal(code, 1, stderr);
      return stderr;
    };
    assert.match(
      await refused('exec', 'box', '--oci', 'none', '--', 'id'),
      /no OCI application 'none'; available: app/,
    );
    assert.match(await refused('logs', 'with', '--oci'), /container 'with' is not running/);
    await stage.inside('box', 'systemctl', 'stop', 'sdme-oci-app.service');
    assert.match(
      await refused('exec', 'box', '--oci', '--', 'id'),
      /'app' is not running in container 'box'/,
    );
  });

  test('nothing is mounted into an application below another mount, whose writer could lead it elsewhere', async () => {
    const refused =
      /cannot bind to \/oci\/apps\/app\/root\/srv\/data\S* in the application, as it lies below/;
    for (const place of ['srv', '/srv//data/sub']) {
      const bind = `/var/tmp:/oci/apps/app/root/${place}`;
      const { code, stderr } = await stage.sdme.run('create', 'nested', '-r', 'app', '-b', bind);
      assert.deepEqual([code, refused.test(stderr)], [1, true], stderr);
    }
    // A container of before: neither we nor systemd by itself start it.
    const state = join(stage.layout.dataDir, 'state/without');
    const nested = ['srv/data', 'srv/data/a/system'].map((path) => `/var/tmp:/oci/apps/app/root/${path}:rw`);
    await writeFile(state, `${await readFile(state, 'utf8')}BINDS=${nested.join('|')}\n`);
    for (const verb of ['start', 'enable']) {
      const { code, stderr } = await stage.sdme.run(verb, 'without');
      assert.deepEqual([code, refused.test(stderr)], [1, true], stderr);
    }
    assert.ok(!existsSync('/etc/systemd/system/sdme@without.service.d/nspawn.conf'));
    await assert.rejects(output('systemctl', 'start', 'sdme@without.service'));
  });

  test('a link that a workload puts in the way of what is bound into it leads that nowhere', async () => {
    await stage.inside('box', 'systemctl', 'start', 'sdme-oci-app.service');
    await inApp('sh', '-c', 'mv /made /away && ln -s /etc/systemd /made');
    await stage.sdme.ok('stop', 'box');
    const startIsRefused = async (found: RegExp): Promise<void> => {
      const { code, stderr } = await stage.sdme.run('start', 'box');
      assert.deepEqual([code, found.test(stderr)], [1, true], stderr);
    };
    await startIsRefused(/\/oci\/apps\/app\/root\/made in container 'box' is a symlink/);
    // As systemd does by itself at boot.
    await assert.rejects(output('systemctl', 'start', 'sdme@box.service'), /[Aa]ssert/);
    const made = join(stage.layout.containerDir('box'), 'upper/oci/apps/app/root/made');
    await rm(made);
    await writeFile(made, '');
    await startIsRefused(/\/oci\/apps\/app\/root\/made in container 'box' is a file/);
    await rm(made);
    await stage.sdme.ok('start', 'box');
  });
});
