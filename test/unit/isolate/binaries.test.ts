import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemCallNumbers as armCalls } from '../../../isolate/aarch64/system-calls.ts';
import { type Architecture, assembleProgram, isolateBinary } from '../../../isolate/index.ts';
import {
  back,
  call,
  callFunction,
  goTo,
  label,
  type Program,
  type Step,
  set,
  systemCall,
  variable,
  when,
} from '../../../isolate/program.ts';
import { programProblems } from '../../../isolate/program-problems.ts';
import { enterProgram } from '../../../isolate/programs/enter.ts';
import { isolateProgram } from '../../../isolate/programs/isolate.ts';
import { systemCallNumbers as x86Calls } from '../../../isolate/x86-64/system-calls.ts';
import { disassemble, noObjdump } from '../../helpers/disassemble.ts';

const architectures: readonly Architecture[] = ['x86-64', 'aarch64'];

/** Answered with a failure where nothing is wrong, or made anew. */
const mayFail = ['rt_sigtimedwait', 'kill', 'wait4', 'write', 'exit'];

test('every system call of isolate and enter that fails ends the program, with its name', () => {
  for (const { steps } of [isolateProgram, enterProgram])
    for (const [index, step] of steps.entries()) {
      if (step.step !== 'system call' || mayFail.includes(step.name)) continue;
      const next = steps[index + 1];
      // What follows execve is reached only when it failed; a terminal that is not ours to give up is none.
      if (step.name === 'execve' || (step.name === 'ioctl' && step.into === 'digit')) continue;
      assert.ok(
        next?.step === 'if' && next.relation === '<' && next.operand === 0 && next.to === `die: ${step.name}`,
        `${step.name}, step ${index}`,
      );
    }
});

for (const architecture of architectures) {
  test(`isolate for ${architecture} is a static executable under 2,048 bytes, the same each time`, () => {
    const binary = isolateBinary(architecture);
    const view = new DataView(binary.buffer, binary.byteOffset);
    assert.ok(binary.length < 2048, `${binary.length} bytes`);
    assert.deepEqual(isolateBinary(architecture), binary);
    assert.equal(view.getUint32(0, false), 0x7f454c46);
    assert.equal(view.getUint16(16, true), 2, 'ET_EXEC');
    assert.equal(view.getUint16(60, true), 0, 'no sections');
    const segments = Array.from({ length: view.getUint16(56, true) }, (_, index) => ({
      type: view.getUint32(64 + 56 * index, true),
      flags: view.getUint32(68 + 56 * index, true),
      address: view.getBigUint64(80 + 56 * index, true),
    }));
    const loaded = segments.filter(({ type }) => type === 1);
    assert.deepEqual(loaded, [{ type: 1, flags: 5, address: 0x400000n }], 'one segment, read and execute');
    const stack = segments.find(({ type }) => type === 0x6474e551);
    assert.equal(stack?.flags, 6, 'a stack that is not executable');
  });

  test(`isolate for ${architecture} makes its system calls in the order of its description`, {
    skip: noObjdump(architecture) ?? false,
  }, () => {
    const binary = isolateBinary(architecture);
    const lines = disassemble(architecture, binary.subarray(64 + 2 * 56));
    const numbers: number[] = [];
    let last = Number.NaN;
    for (const line of lines) {
      const loaded = /^mov (?:eax,|x8, #)(0x[0-9a-f]+)$/.exec(line)?.[1];
      if (loaded !== undefined) last = Number(loaded);
      if (line === 'syscall' || line === 'svc #0x0') numbers.push(last);
    }
    const table = architecture === 'x86-64' ? x86Calls : armCalls;
    const order = [
      'rt_sigprocmask',
      'unshare',
      'fork',
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
      'rt_sigprocmask',
      'execve',
      'rt_sigtimedwait',
      'kill',
      'wait4',
      'write',
      'exit',
    ];
    assert.deepEqual(
      numbers,
      order.map((name) => table(name).number),
    );
  });
}

test('a program that is not whole is refused, with everything that is missing', () => {
  const broken: Program = {
    variables: ['a'],
    slots: {},
    texts: {},
    steps: [goTo('nowhere'), set('b', { text: 'none' }), when('a', '==', variable('c'), 'nowhere')],
  };
  for (const architecture of architectures) {
    assert.throws(
      () => assembleProgram(architecture, broken),
      /no label nowhere.*no variable b.*no text none.*no variable c/,
    );
  }
});

test('a program with a way that leads nowhere is refused: subroutines that call, returns outside, a missing end', () => {
  const problemsOf = (steps: readonly Step[]): string[] =>
    programProblems({ variables: ['a'], slots: {}, texts: {}, steps, startsWith: 'a' });
  const exit = systemCall('exit', [0], 'a');
  const start = [call('outer'), exit];
  const inner = [label('inner'), back];
  assert.deepEqual(problemsOf([call('inner'), exit, ...inner]), []);
  assert.deepEqual(problemsOf([...start, label('outer'), call('inner'), back, ...inner]), [
    'subroutine outer calls inner',
  ]);
  // The way back is lost too where a jump, taken or not, leads to the call.
  const far = [label('far'), call('inner'), exit];
  assert.deepEqual(
    problemsOf([...start, label('outer'), when('a', '==', 0, 'far'), back, ...far, ...inner]),
    ['subroutine outer calls inner'],
  );
  assert.deepEqual(problemsOf([...start, label('outer'), callFunction('a', [], 'a'), back]), [
    'subroutine outer calls a function',
  ]);
  assert.deepEqual(problemsOf([back]), ['a return outside of subroutines']);
  assert.deepEqual(problemsOf([set('a', 1)]), ['a way leads off the end']);
  const endless: Step = { step: 'enter function', name: 'f', parameters: [] };
  assert.deepEqual(problemsOf([exit, endless, set('a', 1)]), ['a way leads off the end']);
});
