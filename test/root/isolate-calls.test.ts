import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  type IsolateProgram,
  isNative,
  isolateMissing,
  isolateProgram,
  runIn,
  straceMissing,
} from '../helpers/isolate-program.ts';

for (const architecture of ['x86-64', 'aarch64'] as const) {
  describe(`system calls of isolate on ${architecture}`, { skip: isolateMissing(architecture) }, () => {
    let program: IsolateProgram;
    before(() => {
      program = isolateProgram(architecture);
    });
    after(() => program[Symbol.dispose]());

    test('refuses missing arguments and bad numbers, and says which', () => {
      const usage = 'usage: isolate <uid> <gid> <dir> <cmd> [args...]\n';
      for (const args of [[], ['0'], ['0', '0', '/']]) {
        assert.deepEqual(program.run(...args), { status: 1, stdout: '', stderr: usage });
      }
      for (const bad of ['', 'x', '1x', '-1', ' 1', '4294967296', '99999999999999999999', '0x0']) {
        assert.deepEqual(program.run(bad, '0', '/', '/bin/true'), {
          status: 1,
          stdout: '',
          stderr: 'bad number\n',
        });
        assert.deepEqual(program.run('0', bad, '/', '/bin/true'), {
          status: 1,
          stdout: '',
          stderr: 'bad number\n',
        });
      }
    });

    test('each step that fails names itself and exits 1', () => {
      const said = (...args: string[]): [number | null, string] => {
        const { status, stdout, stderr } = program.run(...args);
        assert.equal(stdout, '');
        return [status, stderr];
      };
      assert.deepEqual(said('0', '0', '/nowhere', '/bin/true'), [1, 'chdir\n']);
      for (const program of ['/nowhere', '/etc/passwd', '/etc'])
        assert.deepEqual(said('0', '0', '/', program), [1, 'execve\n'], program);
      // (uid_t)-1 means "leave as it is" to the kernel and is refused by setgid(2) and setuid(2).
      assert.deepEqual(said('0', '4294967295', '/', '/bin/true'), [1, 'setgid\n']);
      assert.deepEqual(said('4294967295', '0', '/', '/bin/true'), [1, 'setuid\n']);
      const without = (capability: string): string =>
        runIn([
          ...program.command('setpriv', `--bounding-set=-${capability}`, '--'),
          ...['0', '0', '/', '/bin/true'],
        ]).stderr;
      assert.equal(without('sys_admin'), 'unshare\n');
      // A workload that could not be kept from CAP_SYS_ADMIN is not started.
      assert.equal(without('setpcap'), 'prctl\n');
    });

    test('when the second fork fails, the init says so and exits 1', () => {
      const { status, stderr } = runIn([
        ...program.command('prlimit', '--nproc=0'),
        '1',
        '1',
        '/',
        '/bin/true',
      ]);
      assert.deepEqual({ status, stderr }, { status: 1, stderr: 'fork\n' });
    });

    // Each process counts its own calls, so that the second fork and the workload's signal mask are not reached here.
    const failing: [call: string, occurrence: number][] = [
      ...(['unshare', 'setgroups', 'setgid', 'setuid', 'chdir', 'capget'] as const).map(
        (call): [string, number] => [call, 1],
      ),
      ...(['mount', 'capset'] as const).flatMap((call): [string, number][] => [
        [call, 1],
        [call, 2],
      ]),
    ];
    // An emulator asks the kernel for things of its own by these.
    if (isNative(architecture)) failing.push(['fork', 1], ['rt_sigprocmask', 1], ['prctl', 1], ['prctl', 2]);
    for (const [call, occurrence] of failing) {
      test(`when ${call} fails the ${occurrence}. time, it says so and exits 1`, {
        skip: straceMissing,
      }, () => {
        const inject = ['-e', `inject=${call}:error=EIO:when=${occurrence}`];
        const { status, stdout, stderr } = runIn([
          ...program.command('strace', '-f', '-qq', '-o', '/dev/null', ...inject),
          ...['1', '1', '/', '/bin/echo', 'ran'],
        ]);
        assert.deepEqual({ status, stderr }, { status: 1, stderr: `${call}\n` });
        // By the last one the workload is there; it ends with its init.
        if (call !== 'capset' || occurrence !== 2) assert.equal(stdout, '');
      });
    }

    const workload = ['1000', '1000', '/', '/bin/true'];
    const starting = ['rt_sigprocmask', 'unshare', 'fork'];
    const initialising = [
      ...['mount', 'mount', 'prctl', 'setgroups', 'setgid', 'setuid', 'chdir'],
      ...['prctl', 'capget', 'capset', 'fork'],
    ];

    // strace(1) sees the calls that the emulator makes for itself too, and the emulator's own trace shows only its guest's.
    const seenByStrace = (): void => {
      const trace = join(program.directory, 'trace');
      runIn([...program.command('strace', '-f', '-qq', '-e', 'signal=none', '-o', trace), ...workload]);
      const calls = new Map<string, string[]>();
      for (const line of readFileSync(trace, 'utf8').split('\n')) {
        const [, pid, call] = /^(\d+) +(?:<\.\.\. )?([a-z0-9_]+)/.exec(line) ?? [];
        if (pid === undefined || call === undefined || line.includes('resumed>')) continue;
        calls.set(pid, [...(calls.get(pid) ?? []), call]);
      }
      const [supervisor, init, started] = [...calls.values()];
      const waiting = ['rt_sigtimedwait', 'wait4', 'exit'];
      assert.deepEqual(supervisor, ['execve', ...starting, ...waiting]);
      assert.deepEqual(init, [...initialising, 'capset', ...waiting]);
      assert.deepEqual(started?.slice(0, 2), ['rt_sigprocmask', 'execve']);
    };
    const seenByEmulator = (): void => {
      const { stderr } = runIn([...program.command(), ...workload], { ...process.env, QEMU_STRACE: '1' });
      // Three processes write there at once: how their lines mix, and when they wait, is left to chance.
      const calls = [...stderr.matchAll(/\b([a-z][a-z0-9_]*)\(/g)]
        .map(([, call = '']) => (call === 'clone' ? 'fork' : call))
        .filter((call) => !['rt_sigtimedwait', 'wait4', 'exit'].includes(call));
      const forked = starting.length + initialising.length;
      assert.deepEqual(calls.slice(0, forked), [...starting, ...initialising]);
      assert.deepEqual(calls.slice(forked).sort(), ['capset', 'execve', 'rt_sigprocmask']);
    };
    if (isNative(architecture)) {
      test(
        'makes exactly the system calls of its description, in order',
        { skip: straceMissing },
        seenByStrace,
      );
    } else {
      test('makes the system calls of its description, in order, as its emulator sees them', seenByEmulator);
    }
  });
}
