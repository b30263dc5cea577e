import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Architecture, devfdShim, isolateBinary } from '../../isolate/index.ts';

/** How a binary of the architecture is run here: natively, or by qemu's user mode emulation. */
function launcher(architecture: Architecture): readonly string[] | undefined {
  if ((architecture === 'x86-64') === (arch() === 'x64')) return [];
  const emulator = architecture === 'aarch64' ? 'qemu-aarch64' : 'qemu-x86_64';
  return spawnSync(emulator, ['--version']).status === 0 ? [emulator] : undefined;
}

function reasonToSkip(architecture: Architecture): string | false {
  if (process.geteuid?.() !== 0) return 'needs root';
  return launcher(architecture) === undefined
    ? `no emulator for ${architecture} (Debian's qemu-user)`
    : false;
}

for (const architecture of ['x86-64', 'aarch64'] as const) {
  describe(`isolate on ${architecture}`, { skip: reasonToSkip(architecture) }, () => {
    let directory: string;
    let command: string[];

    before(() => {
      directory = mkdtempSync(join(tmpdir(), 'sdme-isolate-'));
      const file = join(directory, 'isolate');
      writeFileSync(file, isolateBinary(architecture));
      chmodSync(file, 0o555);
      chmodSync(directory, 0o755);
      // A mount namespace of its own stands for the one that systemd's RootDirectory= makes.
      command = ['--mount', '--propagation', 'private', '--', ...(launcher(architecture) ?? []), file];
    });
    after(() => rmSync(directory, { recursive: true }));

    const isolate = (...args: string[]): { status: number | null; stdout: string; stderr: string } => {
      const { status, stdout, stderr } = spawnSync('unshare', [...command, ...args], {
        encoding: 'utf8',
        timeout: 30_000,
      });
      return { status, stdout, stderr };
    };

    test('refuses missing arguments and bad numbers, and says which', () => {
      const usage = 'usage: isolate <uid> <gid> <dir> <cmd> [args...]\n';
      for (const args of [[], ['0'], ['0', '0', '/']]) {
        assert.deepEqual(isolate(...args), { status: 1, stdout: '', stderr: usage });
      }
      for (const bad of ['', 'x', '1x', '-1', ' 1', '4294967296', '99999999999999999999', '0x0']) {
        assert.deepEqual(isolate(bad, '0', '/', '/bin/true'), {
          status: 1,
          stdout: '',
          stderr: 'bad number\n',
        });
        assert.deepEqual(isolate('0', bad, '/', '/bin/true'), {
          status: 1,
          stdout: '',
          stderr: 'bad number\n',
        });
      }
    });

    test('each step that fails names itself and exits 1', () => {
      assert.deepEqual(isolate('0', '0', '/nowhere', '/bin/true'), {
        status: 1,
        stdout: '',
        stderr: 'chdir\n',
      });
      assert.deepEqual(isolate('0', '0', '/', '/nowhere'), { status: 1, stdout: '', stderr: 'execve\n' });
      // (uid_t)-1 means "leave as it is" to the kernel and is refused by setgid(2) and setuid(2).
      assert.equal(isolate('0', '4294967295', '/', '/bin/true').stderr, 'setgid\n');
      assert.equal(isolate('4294967295', '0', '/', '/bin/true').stderr, 'setuid\n');
      const withoutAdmin = spawnSync(
        'setpriv',
        ['--bounding-set=-sys_admin', '--', ...command.slice(4), '0', '0', '/', '/bin/true'],
        { encoding: 'utf8' },
      );
      assert.deepEqual([withoutAdmin.status, withoutAdmin.stderr], [1, 'unshare\n']);
      // A workload that could not be kept from CAP_SYS_ADMIN is not started.
      const withoutSetpcap = spawnSync(
        'unshare',
        [
          ...command.slice(0, 4),
          'setpriv',
          '--bounding-set=-setpcap',
          ...command.slice(4),
          '0',
          '0',
          '/',
          '/bin/true',
        ],
        { encoding: 'utf8' },
      );
      assert.deepEqual([withoutSetpcap.status, withoutSetpcap.stderr], [1, 'prctl\n']);
    });

    test('when the second fork fails, the init says so and exits 1', () => {
      const limited = [...command.slice(0, 4), 'prlimit', '--nproc=0', ...command.slice(4)];
      const { status, stderr } = spawnSync('unshare', [...limited, '1', '1', '/', '/bin/true'], {
        encoding: 'utf8',
      });
      assert.deepEqual({ status, stderr }, { status: 1, stderr: 'fork\n' });
    });

    const noInjection = spawnSync('strace', ['--version']).status === 0 ? false : 'strace is not installed';
    // An emulator asks the kernel for things of its own, some of them by the same calls.
    const failing = ['unshare', 'mount', 'setgroups', 'setgid', 'setuid', 'chdir', 'capset'];
    if (launcher(architecture)?.length === 0) failing.push('fork', 'prctl');
    for (const call of failing) {
      test(`when ${call} fails, it says so and exits 1`, { skip: noInjection }, () => {
        const inject = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `inject=${call}:error=EIO:when=1`];
        const { status, stdout, stderr } = spawnSync(
          'unshare',
          [...command.slice(0, 4), ...inject, ...command.slice(4), '1', '1', '/', '/bin/echo', 'ran'],
          { encoding: 'utf8' },
        );
        assert.deepEqual({ status, stdout, stderr }, { status: 1, stdout: '', stderr: `${call}\n` });
      });
    }

    test('the workload is PID 2 of a namespace where it sees only itself and its init', () => {
      const { status, stdout } = isolate(
        '0',
        '0',
        '/',
        '/bin/sh',
        '-c',
        'echo $$; echo /proc/[0-9]*; readlink /proc/self/ns/pid /proc/self/ns/ipc',
      );
      const [pid, processes, pidNamespace, ipcNamespace] = stdout.split('\n');
      assert.equal(status, 0);
      // An emulator has threads of its own, which take numbers too.
      if (launcher(architecture)?.length === 0) assert.equal(pid, '2');
      assert.equal(processes, `/proc/1 /proc/${pid}`);
      assert.notEqual(
        pidNamespace,
        execFileSync('readlink', ['/proc/self/ns/pid'], { encoding: 'utf8' }).trim(),
      );
      assert.notEqual(
        ipcNamespace,
        execFileSync('readlink', ['/proc/self/ns/ipc'], { encoding: 'utf8' }).trim(),
      );
    });

    test('the workload has the user, group, directory, arguments and environment asked for', () => {
      const script = 'id -u; id -g; id -G; pwd; printf "%s|" "$@"; echo "$MARK"';
      const { stdout } = spawnSync(
        'unshare',
        [...command, '1234', '2345', '/usr', '/bin/sh', '-c', script, 'sh', 'a b', '', '$x%n'],
        {
          encoding: 'utf8',
          env: { PATH: process.env.PATH, MARK: 'seen' },
        },
      );
      assert.equal(stdout, '1234\n2345\n2345\n/usr\na b||$x%n|seen\n');
    });

    test('a root workload of another group gets that group', () => {
      assert.equal(
        isolate('0', '2345', '/', '/bin/sh', '-c', 'id -u; id -g; id -G').stdout,
        '0\n2345\n2345\n',
      );
    });

    const given = ['chown', 'kill', 'setgid', 'setuid', 'setpcap', 'sys_admin'];
    // As nspawn gives them to a container's services: also in the inheritable set.
    const inheriting = [`--inh-caps=${given.map((name) => `+${name}`).join(',')}`, '--', 'unshare'];
    const capabilitySets = (uid: string): Map<string, bigint> =>
      new Map(
        execFileSync(
          'setpriv',
          [...inheriting, ...command, uid, uid, '/', '/bin/grep', 'Cap', '/proc/self/status'],
          { encoding: 'utf8' },
        )
          .trim()
          .split('\n')
          .map((line) => [line.slice(0, 6), BigInt(`0x${line.slice(8)}`)]),
      );
    const all = (1n << 64n) - 1n;
    const sysAdmin = 1n << 21n;

    test('CAP_SYS_ADMIN is gone from all sets of a root workload, which inherits nothing', () => {
      const sets = capabilitySets('0');
      for (const [name, mask] of sets) assert.equal(mask & sysAdmin, 0n, name);
      assert.equal(sets.get('CapInh'), 0n);
      assert.equal(sets.get('CapEff'), sets.get('CapBnd'), 'all that is left in the bounding set');
      assert.notEqual(sets.get('CapEff'), 0n);
    });

    test('a workload of a user has no capability', () => {
      const sets = capabilitySets('1000');
      for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.equal(sets.get(name), 0n, name);
      assert.equal((sets.get('CapBnd') ?? all) & sysAdmin, 0n);
    });

    test('the init keeps CAP_KILL at most', () => {
      const { stdout } = isolate('0', '0', '/', '/bin/grep', 'Cap[PE]', '/proc/1/status');
      assert.equal(stdout, `CapPrm:\t${'20'.padStart(16, '0')}\nCapEff:\t${'20'.padStart(16, '0')}\n`);
    });

    test('ends as the workload ended: its code, or 128 and its signal', () => {
      assert.equal(isolate('0', '0', '/', '/bin/sh', '-c', 'exit 7').status, 7);
      assert.equal(isolate('0', '0', '/', '/bin/sh', '-c', 'kill -KILL $$').status, 137);
      assert.equal(isolate('1000', '1000', '/', '/bin/sh', '-c', 'kill -SEGV $$').status, 139);
    });

    test('SIGTERM reaches a workload without a handler, which ends at once', async () => {
      const child = spawn(
        'unshare',
        [...command, '0', '0', '/', '/bin/sh', '-c', 'echo up; exec sleep 1000'],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(child.stdout, 'data');
      child.kill('SIGTERM');
      const [code] = await once(child, 'exit');
      assert.equal(code, 143);
    });

    test('a workload with a handler gets each signal once', async () => {
      const script =
        'trap "echo usr1" USR1; trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.05; done';
      const child = spawn('unshare', [...command, '0', '0', '/', '/bin/sh', '-c', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      const seen = (text: string): Promise<void> =>
        new Promise((resolve) => {
          const look = (): void => {
            if (!output.includes(text)) return;
            child.stdout.off('data', look);
            resolve();
          };
          child.stdout.on('data', look);
          look();
        });
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      await seen('up');
      child.kill('SIGUSR1');
      await seen('usr1');
      child.kill('SIGTERM');
      const [code] = await once(child, 'close');
      assert.equal(code, 3);
      assert.equal(output, 'up\nusr1\nbye\n');
    });

    test('orphans are reaped, and end with the workload', () => {
      // The inner shell leaves a process behind; its parent becomes the init, which reaps it when it ends.
      // The inner shell leaves a process behind; its parent becomes the init, which reaps it when it ends.
      const script = `sh -c 'sleep 0.1 & echo $! >"$1"' sh "$1"; read p <"$1"
while [ -e /proc/$p ]; do sleep 0.05; done
(sleep 1000 &)
echo reaped`;
      const { stdout } = isolate('0', '0', '/', '/bin/sh', '-c', script, 'sh', join(directory, 'pid'));
      assert.equal(stdout, 'reaped\n');
    });

    test('when the supervisor is killed, nothing of the workload stays', async () => {
      const child = spawn(
        'unshare',
        [...command, '1000', '1000', '/', '/bin/sh', '-c', 'echo up; exec sleep 1000'],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      // The pipe closes when the last process that holds it is gone.
      await once(child.stdout.resume(), 'close');
    });

    if (architecture === 'x86-64') {
      const noStrace = spawnSync('strace', ['--version']).status === 0 ? false : 'strace is not installed';
      test('makes exactly the system calls of its description, in order', { skip: noStrace }, () => {
        const trace = join(directory, 'trace');
        execFileSync('unshare', [
          ...command.slice(0, 4),
          'strace',
          '-f',
          '-qq',
          '-e',
          'signal=none',
          '-o',
          trace,
          ...command.slice(4),
          '1000',
          '1000',
          '/',
          '/bin/true',
        ]);
        const calls = new Map<string, string[]>();
        for (const line of readFileSync(trace, 'utf8').split('\n')) {
          const [, pid, call] = /^(\d+) +(?:<\.\.\. )?([a-z0-9_]+)/.exec(line) ?? [];
          if (pid === undefined || call === undefined || line.includes('resumed>')) continue;
          calls.set(pid, [...(calls.get(pid) ?? []), call]);
        }
        const [supervisor, init, workload] = [...calls.values()];
        const waiting = ['rt_sigtimedwait', 'wait4', 'exit'];
        assert.deepEqual(supervisor, ['execve', 'rt_sigprocmask', 'unshare', 'fork', ...waiting]);
        assert.deepEqual(init, [
          'mount',
          'mount',
          'prctl',
          'setgroups',
          'setgid',
          'setuid',
          'chdir',
          'prctl',
          'capget',
          'capset',
          'fork',
          'capset',
          ...waiting,
        ]);
        assert.deepEqual(workload?.slice(0, 2), ['rt_sigprocmask', 'execve']);
      });
    }
  });
}

const noCompiler =
  spawnSync('cc', ['--version']).status === 0 ? false : 'no C compiler to make a workload with';

test('with the devfd shim, a program whose output is a socket can open it by path', {
  skip: noCompiler,
}, () => {
  const directory = mkdtempSync(join(tmpdir(), 'sdme-shim-'));
  try {
    const shim = join(directory, 'shim.so');
    writeFileSync(shim, devfdShim(arch() === 'arm64' ? 'aarch64' : 'x86-64'));
    const source = join(directory, 'log.c');
    writeFileSync(
      source,
      `#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
  int fd = open(argv[1], O_WRONLY | O_APPEND);
  if (fd < 0) { printf("%s\\n", strerror(errno)); return 1; }
  dprintf(fd, "written\\n");
  return open("/nowhere", O_RDONLY) == -1 && errno == ENOENT ? 0 : 2;
}
`,
    );
    const program = join(directory, 'log');
    execFileSync('cc', ['-o', program, source]);
    const link = join(directory, 'access.log');
    symlinkSync('/dev/stdout', link);
    // Node gives a child sockets for standard streams when asked for pipes, as systemd does.
    const run = (path: string, preload: string): { status: number | null; stdout: string } => {
      const { status, stdout } = spawnSync(program, [path], {
        encoding: 'utf8',
        env: { LD_PRELOAD: preload },
      });
      return { status, stdout };
    };
    assert.deepEqual(run('/dev/stdout', ''), { status: 1, stdout: 'No such device or address\n' });
    for (const path of ['/dev/stdout', '/proc/self/fd/1', '/dev/fd/1', link]) {
      assert.deepEqual(run(path, shim), { status: 0, stdout: 'written\n' }, path);
    }
    assert.deepEqual(run('/dev/stdout2', shim), { status: 1, stdout: 'No such file or directory\n' });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
