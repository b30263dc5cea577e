import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { childPids } from '../helpers/child-pids.ts';
import {
  type IsolateProgram,
  isNative,
  isolateMissing,
  isolateProgram,
  runIn,
  straceMissing,
} from '../helpers/isolate-program.ts';

for (const architecture of ['x86-64', 'aarch64'] as const) {
  const missing = isolateMissing(architecture) || (isNative(architecture) ? false : straceMissing);
  describe(`enter on ${architecture}`, { skip: missing }, () => {
    let program: IsolateProgram;
    let supervisor: ChildProcess;
    let pid = 0;
    before(async () => {
      program = isolateProgram(architecture);
      const workload = ['0', '0', '/', '/bin/sh', '-c', 'echo up; exec sleep 1000'];
      supervisor = spawn('unshare', [...program.command(), ...workload], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      if (supervisor.stdout !== null) await once(supervisor.stdout, 'data');
      pid = supervisor.pid ?? assert.fail();
    });
    after(async () => {
      supervisor.kill('SIGTERM');
      await once(supervisor, 'exit');
      program[Symbol.dispose]();
    });

    test('a command has the user and the capabilities of a workload of root', () => {
      const dump = ['/usr/bin/setpriv', '--dump'];
      const { stdout } = program.run('0', '0', '/', ...dump);
      assert.match(stdout, /^Capability bounding set: (?!.*sys_admin)\S*kill/m);
      assert.match(stdout, /^Inheritable capabilities: \[none\]$/m);
      assert.deepEqual(program.enter(pid, ...dump), { status: 0, stdout, stderr: '' });
    });

    // An emulator has threads, which the kernel lets into no mount namespace.
    if (isNative(architecture))
      test('a command is in the namespaces of a workload, with no descriptor of ours', () => {
        const spaces = ['pid', 'ipc', 'mnt'].map((kind) => `/proc/self/ns/${kind}`);
        const { stdout } = program.enter(pid, 'sh', '-c', `readlink ${spaces.join(' ')}; ls /proc/self/fd`);
        const [init = 0] = childPids(pid);
        const expected = spaces.map((path) => readlinkSync(path.replace('self', String(childPids(init)[0]))));
        const descriptors = runIn(['--mount', '--', 'ls', '/proc/self/fd']).stdout;
        assert.equal(stdout, `${expected.join('\n')}\n${descriptors}`);
      });

    test('a program is looked for as a shell does; its arguments, environment and code are its own', () => {
      const { stdout } = program.enter(pid, 'printf', '%s|', 'a b', '', '$x%n');
      assert.equal(stdout, 'a b||$x%n|');
      assert.equal(program.enter(pid, 'sh', '-c', 'exit 7').status, 7);
      assert.equal(program.enter(pid, '/bin/sh', '-c', 'kill -KILL $$').status, 137);
      assert.match(program.enter(pid, 'env').stdout, /^PATH=/m);
    });

    test('what is not there, cannot be run, or has ended, is said', () => {
      const absent = { status: 127, stdout: '', stderr: 'the application has no such program\n' };
      for (const name of ['nowhere', '/nowhere', '', 'x'.repeat(255), 'x'.repeat(256), 'x'.repeat(9000)])
        assert.deepEqual(program.enter(pid, name), absent, name.slice(0, 20));
      for (const name of ['/etc/passwd', '/etc', '.'])
        assert.deepEqual(program.enter(pid, name), {
          ...absent,
          status: 126,
          stderr: 'the program cannot be run\n',
        });
      const usage = 'usage: enter <process> <cmd> [args...]\n';
      assert.deepEqual(program.enter(pid), { ...absent, status: 1, stderr: usage });
      assert.deepEqual(program.enter(2 ** 30, 'true'), {
        ...absent,
        status: 1,
        stderr: 'the application ended, or cannot be entered\n',
      });
    });
  });
}
