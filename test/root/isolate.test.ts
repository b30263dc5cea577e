import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import {
  type IsolateProgram,
  isNative,
  isolateMissing,
  isolateProgram,
  runIn,
} from '../helpers/isolate-program.ts';

for (const architecture of ['x86-64', 'aarch64'] as const) {
  describe(`isolate on ${architecture}`, { skip: isolateMissing(architecture) }, () => {
    let program: IsolateProgram;
    before(() => {
      program = isolateProgram(architecture);
    });
    after(() => program[Symbol.dispose]());

    test('the workload is PID 2 of a namespace where it sees only itself and its init', () => {
      const { status, stdout } = program.run(
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
      if (isNative(architecture)) assert.equal(pid, '2');
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
      const words = ['/bin/sh', '-c', script, 'sh', 'a b', '', '$x%n'];
      const env = { PATH: process.env.PATH, MARK: 'seen' };
      const { stdout } = runIn([...program.command(), '1234', '2345', '/usr', ...words], env);
      assert.equal(stdout, '1234\n2345\n2345\n/usr\na b||$x%n|seen\n');
    });

    test('a root workload of another group gets that group', () => {
      assert.equal(
        program.run('0', '2345', '/', '/bin/sh', '-c', 'id -u; id -g; id -G').stdout,
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
          [...inheriting, ...program.command(), uid, uid, '/', '/bin/grep', 'Cap', '/proc/self/status'],
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
      const { stdout } = program.run('0', '0', '/', '/bin/grep', 'Cap[PE]', '/proc/1/status');
      assert.equal(stdout, `CapPrm:\t${'20'.padStart(16, '0')}\nCapEff:\t${'20'.padStart(16, '0')}\n`);
    });
  });
}
