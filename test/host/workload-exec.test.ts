import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { capabilityMask } from '../../src/base/capabilities.ts';
import { shellCommand } from '../../src/system/exec/shell-command.ts';
import { parseProcessStatus } from '../../src/system/process-status.ts';
import { outsideTestHost } from '../helpers/container-host.ts';
import { debianTree } from '../helpers/debian-image.ts';
import { layoutFiles, testImage, writeFiles } from '../helpers/oci-image.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { openWorkloadStage, type WorkloadStage } from '../helpers/workload-stage.ts';

/** The program that is run comes out of the image, so it must be held as the container is, whoever asked for it. */
describe('a command beside an application', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack();
  let stage: WorkloadStage;
  const container = 'beside';
  const beside = (...command: string[]): Promise<string> =>
    stage.sdme.ok('exec', container, '--oci', '--', '/busybox', ...command);

  before(async () => {
    stage = stack.use(await openWorkloadStage('workload-exec'));
    const files = { busybox: await readFile(join(await debianTree('servers'), 'bin/busybox')) };
    const config = { Entrypoint: ['/busybox', 'sleep', '100000'], Cmd: null, User: '1000:1000' };
    const image = await testImage({ layers: [files], executable: Object.keys(files), config });
    await writeFiles(join(stage.dir, 'app'), layoutFiles([image]));
    await stage.sdme.ok('fs', 'import', join(stage.dir, 'app'), '--name', 'app', '--base-fs', 'base');
    const flags = ['--strict', '--apparmor-profile', 'unconfined', '--started'];
    await stage.sdme.ok('create', container, '-r', 'app', ...flags);
  });
  after(() => stack.disposeAsync());

  /** The workload's process, as the host numbers it. */
  const workload = async (): Promise<string> => {
    const cgroup = `/sys/fs/cgroup/machine.slice/sdme@${container}.service/payload/system.slice/sdme-oci-app.service`;
    return (await readFile(join(cgroup, 'cgroup.procs'), 'utf8')).trim().split('\n').at(-1) ?? '';
  };

  test('is in the namespaces and the root of the application', async () => {
    const kinds = ['pid', 'ipc', 'mnt', 'net', 'user'];
    const pid = await workload();
    const expected = await Promise.all(kinds.map((kind) => readlink(`/proc/${pid}/ns/${kind}`)));
    const links = kinds.map((kind) => `/proc/self/ns/${kind}`);
    const found = await Promise.all(links.map((link) => beside('readlink', link)));
    assert.deepEqual(found, expected);
    const root = await beside('ls', '/');
    assert.match(root, /^busybox$/m);
    assert.doesNotMatch(root, /^oci$/m);
    assert.equal(await beside('pwd'), '/');
  });

  test('has the users of the container, a workload’s capabilities, its filters, and gains nothing', async () => {
    const own = await stage.inside(container, 'cat', '/proc/self/uid_map');
    assert.equal((await beside('cat', '/proc/self/uid_map')).trim(), own);
    const outer = parseProcessStatus(await stage.inside(container, 'cat', '/proc/1/status'));
    const held = parseProcessStatus(await beside('cat', '/proc/self/status'));
    const bounds = parseProcessStatus(await readFile(`/proc/${await workload()}/status`, 'utf8')).boundingSet;
    assert.equal(held.boundingSet, bounds);
    assert.equal(bounds & capabilityMask(['CAP_SYS_ADMIN', 'CAP_NET_ADMIN', 'CAP_SYS_PTRACE']), 0n);
    assert.equal(held.noNewPrivileges, true);
    assert.ok(held.seccompFilters >= outer.seccompFilters);
  });

  test('cannot reach a device of the host', async () => {
    const { code, stderr } = await stage.sdme.run(
      ...['exec', container, '--oci', '--', '/busybox', 'sh', '-c'],
      '/busybox mknod /tmp/disk b 7 0 && /busybox head -c 1 /tmp/disk',
    );
    assert.notEqual(code, 0);
    assert.match(stderr, /Operation not permitted/);
  });

  test('its exit code is ours, its streams are ours, its environment is not', async () => {
    const { code } = await stage.sdme.run(
      'exec',
      container,
      '--oci',
      'app',
      '--',
      '/busybox',
      'sh',
      '-c',
      'exit 7',
    );
    assert.equal(code, 7);
    assert.doesNotMatch(await beside('env'), /SDME_/);
    assert.equal(await beside('echo', '$HOME %h "a  b"'), '$HOME %h "a  b"');
  });

  test('a workload that replaces the program that confines it, or leads it away, is held all the same', async () => {
    const unit = 'sdme-oci-app.service';
    const root = '/oci/apps/app/root';
    // In its own sight the place is mounted over.
    const moved = [
      'exec',
      container,
      '--oci',
      '--',
      '/busybox',
      'mv',
      '/usr/sbin/sdme-isolate',
      '/usr/sbin/old',
    ];
    assert.match((await stage.sdme.run(...moved)).stderr, /busy/i);
    // As if it could from elsewhere: a directory it made in place of another, with a program of its own.
    const evil = '#!/busybox sh\\nexec /busybox sleep 100000';
    const plant = `cd ${root} && rm -r usr/sbin && mkdir -p usr/sbin && printf '${evil}' > usr/sbin/sdme-isolate`;
    await stage.inside(container, 'sh', '-c', `${plant} && chmod 755 usr/sbin/sdme-isolate`);
    await stage.inside(container, 'systemctl', 'restart', unit);
    const held = parseProcessStatus(await readFile(`/proc/${await workload()}/status`, 'utf8'));
    assert.equal(held.boundingSet & capabilityMask(['CAP_SYS_ADMIN']), 0n);
    assert.match(await readFile(`/proc/${await workload()}/cmdline`, 'utf8'), /^\/busybox\0sleep\0/);
    // Where systemd mounts something after it looked, a link would lead the mount and the program apart.
    await stage.inside(container, 'sh', '-c', `cd ${root} && mv usr/sbin away && ln -s /dev/shm usr/sbin`);
    const { code, stderr } = await stage.sdme.run('exec', container, '--', 'systemctl', 'restart', unit);
    assert.deepEqual([code, /Assert/i.test(stderr)], [1, true], stderr);
    await stage.inside(container, 'sh', '-c', `cd ${root} && rm usr/sbin && mv away usr/sbin`);
    await stage.inside(container, 'systemctl', 'start', unit);
  });

  /** The process of the program that enters, as the host numbers it. */
  const entering = async (): Promise<string | undefined> => {
    for (const pid of (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (line.startsWith('/oci/apps/app/enter\0')) return pid;
    }
    return undefined;
  };

  test('who opened the program that enters, in /proc, cannot write to it, also when it has ended', async () => {
    const held = stage.sdme.start(['exec', container, '--oci', '--', '/busybox', 'sleep', '100000']);
    const pid = await waitFor('the program that enters', entering, 30_000);
    // The application sees what that forks, for a moment and with the same file; the host's root may do more than it.
    await using opened = await open(`/proc/${pid}/exe`);
    const written = (): Promise<unknown> => open(`/proc/self/fd/${opened.fd}`, constants.O_WRONLY);
    await assert.rejects(written(), { code: 'ETXTBSY' });
    process.kill(Number(pid), 'SIGTERM');
    await held.ended;
    await assert.rejects(written(), { code: 'EROFS' });
    await assert.rejects(opened.chmod(0o777), { code: 'EROFS' });
    assert.equal(await beside('echo', 'as before'), 'as before');
  });

  /** Starts a shell's command on a terminal. */
  const startOnTerminal = (command: string) => {
    const { dataDir, runtimeDir } = stage.layout;
    const env = { ...process.env, SDME_DATADIR: dataDir, SDME_RUNDIR: runtimeDir };
    const call = ['--quiet', '--return', '--command', command, '/dev/null'];
    return spawn('script', call, { env, timeout: 30_000, stdio: ['pipe', 'pipe', 'inherit'] });
  };

  /** Runs a shell's command on a terminal, typing `typed` at it. */
  const onTerminal = async (command: string, typed = ''): Promise<{ code: unknown; said: string }> => {
    const script = startOnTerminal(command);
    let said = '';
    script.stdout.setEncoding('utf8').on('data', (part: string) => {
      said += part;
    });
    script.stdin.write(typed);
    const [code] = await once(script, 'close');
    return { code, said };
  };

  test('no terminal is handed in: a command gets one of its container, or pipes', async () => {
    const own = await stage.inside(container, 'stat', '-c', '%d', '/dev/pts');
    const kept = join(stage.dir, 'kept');
    const streams = [0, 1, 2].map((stream) => `/proc/$$/fd/${stream}`).join(' ');
    for (const { words, root } of [
      { words: ['--', 'sh', '-c', `x=$(stat -L -c '%F %d' ${streams}); echo "$x" > /streams`], root: '' },
      {
        words: [
          '--oci',
          '--',
          '/busybox',
          'sh',
          '-c',
          `x=$(/busybox stat -L -c '%F %d' ${streams}); echo "$x" > /streams`,
        ],
        root: 'oci/apps/app/root',
      },
    ])
      for (const redirected of ['', `< ${kept}`, `> ${kept}`, `2> ${kept}`]) {
        await writeFile(kept, '');
        const call = `${shellCommand(['./sdme', 'exec', container, ...words])} ${redirected}`;
        const { code, said } = await onTerminal(call);
        assert.equal(code, 0, said);
        const seen = await readFile(stage.merged(container, join(root, 'streams')), 'utf8');
        const kinds = seen.trim().split('\n');
        assert.equal(kinds.length, 3);
        if (redirected === '') assert.deepEqual(kinds, Array(3).fill(`character special file ${own}`));
        else for (const kind of kinds) assert.match(kind, /^(fifo|regular)/, call);
      }
  });

  test('such pipes can be opened anew, as /dev/stderr and its like, by a user of the container too', async () => {
    const kept = join(stage.dir, 'kept');
    for (const { words, head } of [
      { words: ['--'], head: '' },
      { words: ['--user', 'nobody', '--'], head: '' },
      { words: ['--oci', '--', '/busybox'], head: '/busybox ' },
    ])
      for (const [redirected, left] of [
        [`> ${kept}`, '/dev/stderr'],
        [`2> ${kept}`, '/dev/stdout'],
      ]) {
        const inner = ['sh', '-c', `${head}head -n 1 /dev/stdin > ${left}`];
        const call = `${shellCommand(['./sdme', 'exec', container, ...words, ...inner])} ${redirected}`;
        const { code, said } = await onTerminal(call, 'typed\n');
        assert.deepEqual([code, said, await readFile(kept, 'utf8')], [0, 'typed\r\n'.repeat(2), ''], call);
      }
  });

  test('what is typed to interrupt reaches a command on such pipes, which is waited for', async () => {
    for (const beside of [[], ['--oci']]) {
      const shell = beside.length === 0 ? ['sh'] : ['/busybox', 'sh'];
      const inner = [
        ...shell,
        '-c',
        'trap "echo caught; exit 6" INT; echo begun >&2; while :; do read x; done',
      ];
      const call = shellCommand(['./sdme', 'exec', container, ...beside, '--', ...inner]);
      const script = startOnTerminal(`exec ${call} > ${join(stage.dir, 'kept')}`);
      await once(script.stdout, 'data');
      script.stdin.write('\x03');
      const [code] = await once(script, 'close');
      assert.deepEqual([code, await readFile(join(stage.dir, 'kept'), 'utf8')], [6, 'caught\n']);
    }
    const asleep = stage.sdme.start(['exec', container, '--', 'sh', '-c', 'echo begun >&2; exec sleep 4321']);
    await asleep.says(/begun/);
    asleep.signal('SIGTERM');
    assert.equal((await asleep.ended).code, 143);
    assert.doesNotMatch(await stage.inside(container, 'ps', '-eo', 'args'), /sleep 4321/);
  });

  test('a command on a terminal is shown with no title or colours of ours', async () => {
    const { said } = await onTerminal(shellCommand(['./sdme', 'exec', container, '--', 'echo', 'plain']));
    assert.match(said, /plain\r\n/);
    const escaped = String.fromCharCode(27);
    for (const sequence of [`${escaped}]0;`, `${escaped}]2;`, `${escaped}]11;`, `${escaped}[4`])
      assert.ok(!said.includes(sequence), JSON.stringify(said));
  });

  test('a terminal that goes away meanwhile is no failure of ours', async () => {
    const [errors, ended] = ['errors', 'ended'].map((name) => join(stage.dir, name));
    const call = shellCommand(['./sdme', 'exec', container, '--', 'sh', '-c', 'yes 2> /dev/null']);
    const script = startOnTerminal(`trap : HUP; ${call} 2> ${errors}; echo $? > ${ended}`);
    await once(script.stdout, 'data');
    script.kill('SIGKILL');
    const code = await waitFor('the end', () => readFile(`${ended}`, 'utf8').catch(() => undefined));
    // Who writes to it ended, or we were told first.
    assert.match(code, /^(1|129)\n$/);
    assert.equal(await readFile(`${errors}`, 'utf8'), '');
  });

  test('what goes between a terminal and such pipes is whole, and nobody who keeps them is waited for', async () => {
    const group = '/sys/fs/cgroup/keeps';
    const inner = `mkdir ${group}
      setsid sh -c 'echo $$ > ${group}/cgroup.procs; exec sleep 1000' &
      until grep -q . ${group}/cgroup.procs; do sleep 0.1; done
      cat; head -c 300000 /dev/zero | tr '\\0' x; exit 9`;
    const errors = join(stage.dir, 'errors');
    const call = `${shellCommand(['./sdme', 'exec', container, '--', 'sh', '-c', inner])} 2> ${errors}`;
    const { code, said } = await onTerminal(call, 'typed\n\x04');
    assert.deepEqual([code, await readFile(errors, 'utf8')], [9, ''], said.slice(0, 1000));
    assert.equal(said.split('typed\r\n').length, 3, 'as the terminal and as cat say it');
    assert.equal(said.match(/x+$/)?.[0].length, 300_000);
  });

  test('a job in the background of a terminal reads nothing and is not stopped', async () => {
    const words = ['./sdme', 'exec', container, '--', 'sh', '-c', 'cat; echo through; exit 3'];
    const { code, said } = await onTerminal(`set -m; ${shellCommand(words)} & wait $!`);
    assert.deepEqual([code, said], [3, 'through\r\n']);
  });

  test('an application of an older sdme, which has no program to enter it, is said to be one', async () => {
    await stage.inside(container, 'mv', '/oci/apps/app/enter', '/oci/apps/app/gone');
    const { code, stderr } = await stage.sdme.run('exec', container, '--oci', '--', '/busybox', 'true');
    await stage.inside(container, 'mv', '/oci/apps/app/gone', '/oci/apps/app/enter');
    assert.deepEqual(
      [code, /imported by an older sdme; import its image again/.test(stderr)],
      [1, true],
      stderr,
    );
  });

  test('a user is refused, as the container’s users are not the application’s', async () => {
    const { code, stderr } = await stage.sdme.run('exec', container, '--user', 'root', '--oci', '--', 'ls');
    assert.equal(code, 2, stderr);
    assert.match(stderr, /--user/);
  });
});
