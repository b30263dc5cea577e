import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type IsolateProgram, isolateMissing, isolateProgram } from '../helpers/isolate-program.ts';

for (const architecture of ['x86-64', 'aarch64'] as const) {
  describe(`isolate as PID 1 on ${architecture}`, { skip: isolateMissing(architecture) }, () => {
    let program: IsolateProgram;
    before(() => {
      program = isolateProgram(architecture);
    });
    after(() => program[Symbol.dispose]());

    test('ends as the workload ended: its code, or 128 and its signal', () => {
      assert.equal(program.run('0', '0', '/', '/bin/sh', '-c', 'exit 7').status, 7);
      assert.equal(program.run('0', '0', '/', '/bin/sh', '-c', 'kill -KILL $$').status, 137);
      assert.equal(program.run('1000', '1000', '/', '/bin/sh', '-c', 'kill -SEGV $$').status, 139);
    });

    test('SIGTERM reaches a workload without a handler, which ends at once', async () => {
      const child = spawn(
        'unshare',
        [...program.command(), '0', '0', '/', '/bin/sh', '-c', 'echo up; exec sleep 1000'],
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
      const child = spawn('unshare', [...program.command(), '0', '0', '/', '/bin/sh', '-c', script], {
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
      const script = `sh -c 'sleep 0.1 & echo $! >"$1"' sh "$1"; read p <"$1"
while [ -e /proc/$p ]; do sleep 0.05; done
(sleep 1000 &)
echo reaped`;
      const { stdout } = program.run(
        '0',
        '0',
        '/',
        '/bin/sh',
        '-c',
        script,
        'sh',
        join(program.directory, 'pid'),
      );
      assert.equal(stdout, 'reaped\n');
    });

    test('when the supervisor is killed, nothing of the workload stays', async () => {
      const child = spawn(
        'unshare',
        [...program.command(), '1000', '1000', '/', '/bin/sh', '-c', 'echo up; exec sleep 1000'],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      // The pipe closes when the last process that holds it is gone.
      await once(child.stdout.resume(), 'close');
    });
  });
}
