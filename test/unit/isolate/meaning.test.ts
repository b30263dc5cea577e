import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeExecutable } from '../../../isolate/elf/executable.ts';
import { type Architecture, assembleProgram } from '../../../isolate/index.ts';
import {
  add,
  and,
  back,
  call,
  label,
  load,
  multiply,
  type Relation,
  type Step,
  set,
  shiftRight,
  slot,
  store,
  systemCall,
  variable,
  when,
} from '../../../isolate/program.ts';
import { interpret } from '../../helpers/interpret-steps.ts';
import { launcher } from '../../helpers/isolate-program.ts';

const computed = ['a', 'b', 'c'] as const;
const variables = [...computed, 'sum'] as const;
const words = variables.length;

const name = fc.constantFrom(...computed);
/** Numbers that both architectures take. */
const number = fc.oneof(
  fc.integer({ min: -(2 ** 16), max: 2 ** 31 - 1 }),
  fc.constantFrom(0, 1, -1, 255, 2 ** 31 - 1, -(2 ** 16)),
);
const operand = fc.oneof(number, name.map(variable));
const bytes = fc.constantFrom<1 | 4 | 8>(1, 4, 8);
const relation = fc.constantFrom<Relation>('==', '!=', '<', '>=', 'above', 'below');

/** A step that computes; those that go elsewhere may skip another one, or call a subroutine. */
const step: fc.Arbitrary<readonly Step[]> = fc.oneof(
  fc.tuple(name, operand).map(([to, value]) => [set(to, value)]),
  fc.tuple(name, operand).map(([to, value]) => [add(to, value)]),
  fc.tuple(name, operand).map(([to, value]) => [and(to, value)]),
  fc.tuple(name, number).map(([to, value]) => [multiply(to, value)]),
  fc.tuple(name, fc.nat(63)).map(([to, bits]) => [shiftRight(to, bits)]),
  fc.tuple(name, bytes, fc.nat(3)).map(([to, size, index]) => [load(to, size, 'cursor', size * index)]),
  fc.tuple(name, bytes, fc.nat(3)).map(([from, size, index]) => [store(from, size, 'cursor', size * index)]),
  fc
    .tuple(name, relation, operand, name, number)
    .map(([left, how, right, to, value]) => [when(left, how, right, 'skip'), add(to, value), label('skip')]),
  fc.constant([call('subroutine')]),
);

/**
 * The parts as one program: each has a label of its own for what it skips. What it computed goes into a sum, so that no
 * difference is lost to a later step.
 */
const joined = (parts: readonly (readonly Step[])[]): Step[] =>
  parts.flatMap((part, index) => [
    ...part.map((each) => {
      if (each.step === 'if') return { ...each, to: `skip ${index}` };
      return each.step === 'label' ? label(`skip ${index}`) : each;
    }),
    ...computed.flatMap((from) => [multiply('sum', 31), add('sum', variable(from))]),
  ]);

/** The memory is all zero at first, whatever the stack holds. */
const empty = Array.from({ length: words }, (_, index) => store('a', 8, 'cursor', 8 * index));
const subroutine = [label('subroutine'), multiply('a', 3), add('b', variable('a')), back];

for (const architecture of ['x86-64', 'aarch64'] satisfies Architecture[]) {
  const launch = launcher(architecture);
  const skip = launch === undefined ? `no emulator for ${architecture} (Debian's qemu-user)` : false;
  test(`any computation has the same end on ${architecture} as without machine code`, { skip }, () => {
    const directory = mkdtempSync(join(tmpdir(), 'sdme-meaning-'));
    const file = join(directory, 'program');
    /** Runs the steps on the processor: the memory at their end, and the variables. */
    const compute = (steps: readonly Step[]): Buffer => {
      const binary = assembleProgram(architecture, {
        variables: [...variables, 'cursor', 'result'],
        slots: { memory: 8 * words, variables: 8 * words },
        texts: {},
        startsWith: 'result',
        steps: [
          set('cursor', slot('memory')),
          ...steps,
          systemCall('write', [1, slot('memory'), 8 * words], 'result'),
          set('cursor', slot('variables')),
          ...variables.map((from, index) => store(from, 8, 'cursor', 8 * index)),
          systemCall('write', [1, slot('variables'), 8 * words], 'result'),
          systemCall('exit', [0], 'result'),
          ...subroutine,
        ],
      });
      writeFileSync(file, writeExecutable(architecture, binary));
      chmodSync(file, 0o755);
      const [program = '', ...args] = [...(launch ?? []), file];
      const { status, stdout } = spawnSync(program, args);
      assert.equal(status, 0);
      return stdout;
    };
    const foretell = (steps: readonly Step[]): Buffer => {
      const memory = new DataView(new ArrayBuffer(8 * words));
      const values = interpret([...steps, label('end'), ...subroutine], variables, memory);
      const ends = BigUint64Array.from(variables, (from) => values.get(from) ?? 0n);
      return Buffer.concat([new Uint8Array(memory.buffer), new Uint8Array(ends.buffer)]);
    };
    try {
      fc.assert(
        fc.property(fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }), (parts) => {
          const start = [...variables.map((to) => set(to, 0)), ...empty];
          const steps = [...start, ...joined(parts)];
          assert.deepEqual(compute(steps), foretell(steps));
        }),
        { numRuns: 30 },
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}
