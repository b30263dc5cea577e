import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Condition as ArmCondition, assemble as arm } from '../../../isolate/aarch64/assembler.ts';
import { type Code, newCode } from '../../../isolate/code.ts';
import {
  type Arithmetic,
  type Register,
  registers,
  type Condition as X86Condition,
  assemble as x86,
} from '../../../isolate/x86-64/assembler.ts';
import { disassemble, noObjdump } from '../../helpers/disassemble.ts';

function bytesOf(write: (code: Code) => void): Uint8Array {
  const code = newCode();
  write(code);
  return code.finish().bytes;
}

/** Says the first difference only: a diff of thousands of lines takes longer than the test. */
function assertSameLines(actual: readonly string[], expected: readonly string[]): void {
  for (const [index, line] of expected.entries()) assert.equal(actual[index], line, `instruction ${index}`);
  assert.equal(actual.length, expected.length);
}

const x86Registers = Object.keys(registers) as Register[];
const narrow: Readonly<Record<string, string>> = {
  rax: 'eax',
  rcx: 'ecx',
  rdx: 'edx',
  rbx: 'ebx',
  rsp: 'esp',
  rbp: 'ebp',
  rsi: 'esi',
  rdi: 'edi',
};
const dword = (register: Register): string => narrow[register] ?? `${register}d`;
const byteNames: Readonly<Record<string, string>> = {
  rax: 'al',
  rcx: 'cl',
  rdx: 'dl',
  rbx: 'bl',
  rsp: 'spl',
  rbp: 'bpl',
  rsi: 'sil',
  rdi: 'dil',
};
const byteOf = (register: Register): string => byteNames[register] ?? `${register}b`;
const x86Operations = Object.keys({
  add: true,
  and: true,
  sub: true,
  cmp: true,
} satisfies Record<Arithmetic, true>) as Arithmetic[];
/** How objdump names the jump of each condition. */
const x86Jumps = Object.entries({
  below: 'jb',
  equal: 'je',
  notEqual: 'jne',
  above: 'ja',
  less: 'jl',
  notLess: 'jge',
} satisfies Record<X86Condition, string>) as [X86Condition, string][];
const armJumps = Object.entries({
  equal: 'b.eq',
  notEqual: 'b.ne',
  below: 'b.cc',
  above: 'b.hi',
  notLess: 'b.ge',
  less: 'b.lt',
} satisfies Record<ArmCondition, string>) as [ArmCondition, string][];

describe('x86-64 encodings, read back by objdump', { skip: noObjdump('x86-64') ?? false }, () => {
  test('every register in every place of every instruction', () => {
    const expected: string[] = [];
    const code = newCode();
    for (const a of x86Registers) {
      x86.moveNumber(code, a, 0x12345678);
      expected.push(`mov ${dword(a)},0x12345678`);
      x86.moveNumber(code, a, -100);
      expected.push(`mov ${a},0xffffffffffffff9c`);
      x86.multiplyNumber(code, a, 10);
      expected.push(`imul ${a},${a},0xa`);
      x86.shiftRight(code, a, 32);
      expected.push(`shr ${a},0x20`);
      x86.push(code, a);
      expected.push(`push ${a}`);
      x86.pop(code, a);
      expected.push(`pop ${a}`);
      x86.jumpTo(code, a);
      expected.push(`jmp ${a}`);
      x86.callRegister(code, a);
      expected.push(`call ${a}`);
      for (const operation of x86Operations) {
        x86.arithmeticNumber(code, operation, a, 0x7f0);
        expected.push(`${operation} ${a},0x7f0`);
      }
      for (const b of x86Registers) {
        x86.move(code, a, b);
        expected.push(`mov ${a},${b}`);
        for (const operation of x86Operations) {
          x86.arithmetic(code, operation, a, b);
          expected.push(`${operation} ${a},${b}`);
        }
        x86.addressAt(code, a, b, 0x40);
        expected.push(`lea ${a},[${b}+0x40]`);
        x86.load(code, a, 1, b, 0x40);
        expected.push(`movzx ${dword(a)},BYTE PTR [${b}+0x40]`);
        x86.load(code, a, 4, b, -8);
        expected.push(`mov ${dword(a)},DWORD PTR [${b}-0x8]`);
        x86.load(code, a, 8, b, 0x40);
        expected.push(`mov ${a},QWORD PTR [${b}+0x40]`);
        x86.store(code, a, 1, b, 0x40);
        expected.push(`mov BYTE PTR [${b}+0x40],${byteOf(a)}`);
        x86.store(code, a, 4, b, 0x40);
        expected.push(`mov DWORD PTR [${b}+0x40],${dword(a)}`);
        x86.store(code, a, 8, b, 0x40);
        expected.push(`mov QWORD PTR [${b}+0x40],${a}`);
      }
    }
    x86.systemCall(code);
    x86.ret(code);
    expected.push('syscall', 'ret');
    assertSameLines(disassemble('x86-64', code.finish().bytes), expected);
  });

  test('jumps on every condition and addresses reach their labels, before and behind', () => {
    const bytes = bytesOf((code) => {
      code.label('start');
      x86.jump(code, 'end');
      for (const [condition] of x86Jumps) x86.jumpIf(code, condition, 'start');
      x86.jumpIf(code, 'above', 'end');
      x86.addressOf(code, 'r9', 'end');
      x86.loadAt(code, 'r9', 'end');
      code.label('end');
    });
    const lines = disassemble('x86-64', bytes);
    const end = `0x${bytes.length.toString(16)}`;
    assert.deepEqual(lines, [
      `jmp ${end}`,
      ...x86Jumps.map(([, name]) => `${name} 0x0`),
      `ja ${end}`,
      'lea r9,[rip+0x7]',
      'mov r9,QWORD PTR [rip+0x0]',
    ]);
  });
});

describe('aarch64 encodings, read back by objdump', { skip: noObjdump('aarch64') ?? false }, () => {
  test('every register in every place of every instruction', () => {
    const expected: string[] = [];
    const code = newCode();
    for (let a = 0; a < 31; a += 1) {
      arm.moveNumber(code, a, 0x12345678);
      expected.push(`mov x${a}, #0x5678`, `movk x${a}, #0x1234, lsl #16`);
      arm.moveNumber(code, a, -100);
      expected.push(`mov x${a}, #0xffffffffffffff9c`);
      arm.shiftRight(code, a, 32);
      expected.push(`lsr x${a}, x${a}, #32`);
      arm.addNumber(code, a, 31, 0x10);
      expected.push(`add x${a}, sp, #0x10`);
      arm.subtractNumber(code, 31, 31, 0x40);
      expected.push('sub sp, sp, #0x40');
      arm.ret(code, a);
      expected.push(a === 30 ? 'ret' : `ret x${a}`);
      arm.callRegister(code, a);
      expected.push(`blr x${a}`);
      for (let b = 0; b < 31; b += 1) {
        arm.move(code, a, b);
        expected.push(`mov x${a}, x${b}`);
        arm.compare(code, a, b);
        expected.push(`cmp x${a}, x${b}`);
        arm.add(code, a, a, b);
        expected.push(`add x${a}, x${a}, x${b}`);
        arm.and(code, a, a, b);
        expected.push(`and x${a}, x${a}, x${b}`);
        arm.multiply(code, a, a, b);
        expected.push(`mul x${a}, x${a}, x${b}`);
        arm.load(code, a, 1, b, 5);
        expected.push(`ldrb w${a}, [x${b}, #5]`);
        arm.load(code, a, 4, b, 8);
        expected.push(`ldr w${a}, [x${b}, #8]`);
        arm.load(code, a, 8, b, 16);
        expected.push(`ldr x${a}, [x${b}, #16]`);
        arm.store(code, a, 1, b, 5);
        expected.push(`strb w${a}, [x${b}, #5]`);
        arm.store(code, a, 4, b, 8);
        expected.push(`str w${a}, [x${b}, #8]`);
        arm.store(code, a, 8, b, 16);
        expected.push(`str x${a}, [x${b}, #16]`);
        if (a === b) continue;
        arm.storePair(code, a, b, 16);
        expected.push(`stp x${a}, x${b}, [sp, #16]`);
        arm.loadPair(code, a, b, 16);
        expected.push(`ldp x${a}, x${b}, [sp, #16]`);
      }
    }
    arm.systemCall(code);
    expected.push('svc #0x0');
    assertSameLines(disassemble('aarch64', code.finish().bytes), expected);
  });

  test('jumps on every condition and addresses reach their labels, before and behind', () => {
    const bytes = bytesOf((code) => {
      code.label('start');
      arm.jump(code, 'end');
      for (const [condition] of armJumps) arm.jumpIf(code, condition, 'start');
      arm.jumpIf(code, 'above', 'end');
      arm.call(code, 'start');
      arm.addressOf(code, 9, 'end');
      arm.loadLiteral(code, 9, 'end');
      code.label('end');
    });
    const end = `0x${bytes.length.toString(16)}`;
    assert.deepEqual(disassemble('aarch64', bytes), [
      `b ${end}`,
      ...armJumps.map(([, name]) => `${name} 0x0`),
      `b.hi ${end}`,
      'bl 0x0',
      `adr x9, ${end}`,
      `ldr x9, ${end}`,
    ]);
  });
});
