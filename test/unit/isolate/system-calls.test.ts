import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { systemCallNumbers as armCalls } from '../../../isolate/aarch64/system-calls.ts';
import { devfdShimProgram } from '../../../isolate/programs/devfd-shim.ts';
import { enterProgram } from '../../../isolate/programs/enter.ts';
import { isolateProgram } from '../../../isolate/programs/isolate.ts';
import { systemCallNumbers as x86Calls } from '../../../isolate/x86-64/system-calls.ts';

const architectures = [
  { name: 'x86-64', compiler: 'x86_64-linux-gnu-gcc', numbers: x86Calls },
  { name: 'aarch64', compiler: 'aarch64-linux-gnu-gcc', numbers: armCalls },
] as const;

const used = new Set(
  [isolateProgram, enterProgram, devfdShimProgram]
    .flatMap(({ steps }) => [...steps])
    .flatMap((step) => (step.step === 'system call' ? [step.name] : [])),
);

for (const { name, compiler, numbers } of architectures) {
  const missing = spawnSync(compiler, ['--version']).status === 0 ? false : `${compiler} is not installed`;
  test(`every system call that is used has the number of the kernel’s header on ${name}`, {
    skip: missing,
  }, () => {
    const input = '#include <asm/unistd.h>\n';
    const defined = execFileSync(compiler, ['-E', '-dM', '-'], { input, encoding: 'utf8' });
    const values = new Map(
      [...defined.matchAll(/^#define (\w+) (\w+)$/gm)].map(([, word, is]) => [word, is]),
    );
    const numberOf = (call: string): number => {
      const value = values.get(`__NR_${call}`);
      return Number(values.get(value) ?? value);
    };
    for (const call of used) {
      const { number, leading } = numbers(call);
      // Where there is no fork, clone stands for it, and takes words of its own.
      assert.equal(number, numberOf(leading.length === 0 ? call : 'clone'), call);
    }
    assert.ok(used.size > 10);
  });

  test(`a system call that ${name} has not is named`, () => {
    assert.throws(() => numbers('reboot_twice'), new RegExp(`no system call reboot_twice on ${name}`, 'i'));
  });
}
