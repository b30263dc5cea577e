import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { assemble as arm } from '../../../isolate/aarch64/assembler.ts';
import { type Code, newCode } from '../../../isolate/code.ts';
import { assemble as x86 } from '../../../isolate/x86-64/assembler.ts';
import { disassemble, noObjdump } from '../../helpers/disassemble.ts';

function bytesOf(write: (code: Code) => void): Uint8Array {
  const code = newCode();
  write(code);
  return code.finish().bytes;
}

/** Numbers at and beside the borders of all fields that they are put into, and some from between. */
const numbers = [8, 15, 16, 31, 32, 47, 48, 52]
  .flatMap((bits) => [-1, 0, 1].flatMap((beside) => [2 ** bits + beside, -(2 ** bits) + beside]))
  .concat([0, 1, -1, 0x1234_5678], fc.sample(fc.maxSafeInteger(), { numRuns: 200, seed: 1 }));

describe('a number is loaded as it is, or refused', () => {
  const accepted = (write: (code: Code) => void): boolean => {
    try {
      write(newCode());
      return true;
    } catch (error) {
      assert.ok(error instanceof RangeError);
      return false;
    }
  };

  test('on x86-64, all of 32 bits with or without a sign', { skip: noObjdump('x86-64') ?? false }, () => {
    const fitting = numbers.filter((number) => accepted((code) => x86.moveNumber(code, 'r9', number)));
    assert.deepEqual(
      fitting,
      numbers.filter((number) => number >= -(2 ** 31) && number < 2 ** 32),
    );
    const write = (code: Code): void => {
      for (const number of fitting) x86.moveNumber(code, 'r9', number);
    };
    const loaded = disassemble('x86-64', bytesOf(write)).map((line) =>
      BigInt(/^mov r9d?,(0x[0-9a-f]+)$/.exec(line)?.[1] ?? line),
    );
    assert.deepEqual(
      loaded,
      fitting.map((number) => BigInt.asUintN(64, BigInt(number))),
    );
  });

  test('on aarch64, all that a number holds, and negative ones of 16 bits', {
    skip: noObjdump('aarch64') ?? false,
  }, () => {
    const fitting = numbers.filter((number) => accepted((code) => arm.moveNumber(code, 9, number)));
    assert.deepEqual(
      fitting,
      numbers.filter((number) => number >= -(2 ** 16) && number < 2 ** 52),
    );
    const write = (code: Code): void => {
      for (const number of fitting) arm.moveNumber(code, 9, number);
    };
    const loaded: bigint[] = [];
    for (const line of disassemble('aarch64', bytesOf(write))) {
      const [, whole, part, shift = '0'] =
        /^(?:mov x9, #(0x[0-9a-f]+)|movk x9, #(0x[0-9a-f]+), lsl #([0-9]+))$/.exec(line) ?? [];
      if (whole !== undefined) loaded.push(BigInt(whole));
      else loaded.push((loaded.pop() ?? 0n) | (BigInt(part ?? line) << BigInt(shift)));
    }
    assert.deepEqual(
      loaded,
      fitting.map((number) => BigInt.asUintN(64, BigInt(number))),
    );
  });
});

describe('what does not fit is refused', () => {
  test('numbers, offsets and shifts beyond their fields', () => {
    const refused: ((code: Code) => void)[] = [
      (code) => x86.moveNumber(code, 'rax', 2 ** 32),
      (code) => x86.moveNumber(code, 'rax', -(2 ** 31) - 1),
      (code) => x86.shiftRight(code, 'rax', 64),
      (code) => x86.arithmeticNumber(code, 'add', 'rax', 2 ** 31),
      (code) => arm.moveNumber(code, 0, -(2 ** 16) - 1),
      (code) => arm.moveNumber(code, 0, 2 ** 53),
      (code) => arm.addNumber(code, 0, 0, 4096),
      (code) => arm.load(code, 0, 8, 1, 4),
      (code) => arm.load(code, 0, 1, 1, 4096),
      (code) => arm.storePair(code, 0, 1, 512),
      (code) => arm.shiftRight(code, 0, 64),
    ];
    for (const write of refused) assert.throws(() => bytesOf(write), RangeError);
  });

  test('a jump or an address reaches exactly as far as its field, both ways, and no further', () => {
    const reaches = (write: (code: Code) => void, distance: number): (() => Uint8Array) => {
      const code = newCode();
      write(code);
      return () => code.finish(new Map([['far', distance]])).bytes;
    };
    /** Writers by the bits of their field, the bytes it counts in, and where its distances begin. */
    const rows: readonly [write: (code: Code) => void, bits: number, unit: number, from: number][] = [
      [(code) => x86.jump(code, 'far'), 32, 1, 5],
      [(code) => x86.jumpIf(code, 'below', 'far'), 32, 1, 6],
      [(code) => x86.addressOf(code, 'r9', 'far'), 32, 1, 7],
      [(code) => x86.loadAt(code, 'r9', 'far'), 32, 1, 7],
      [(code) => arm.jump(code, 'far'), 26, 4, 0],
      [(code) => arm.call(code, 'far'), 26, 4, 0],
      [(code) => arm.jumpIf(code, 'below', 'far'), 19, 4, 0],
      [(code) => arm.loadLiteral(code, 9, 'far'), 19, 4, 0],
      [(code) => arm.addressOf(code, 9, 'far'), 21, 1, 0],
    ];
    for (const [write, bits, unit, from] of rows) {
      const limit = 2 ** (bits - 1);
      for (const inside of [-limit, limit - 1]) assert.ok(reaches(write, from + unit * inside)());
      for (const outside of [-limit - 1, limit])
        assert.throws(reaches(write, from + unit * outside), new RegExp(`does not fit into ${bits} bits`));
      if (unit > 1) assert.throws(reaches(write, 2), /far is not aligned to an instruction/);
    }
  });

  test('a label that is missing or stands twice', () => {
    assert.throws(() => bytesOf((code) => x86.jump(code, 'nowhere')), /no label nowhere/);
    assert.throws(
      () =>
        bytesOf((code) => {
          code.label('here');
          code.label('here');
        }),
      /stands twice/,
    );
  });

  test('any x86-64 jump lands on its label, whatever lies between', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), fc.boolean(), (before, between, backwards) => {
        const bytes = bytesOf((code) => {
          for (let i = 0; i < before; i += 1) x86.ret(code);
          if (backwards) code.label('target');
          for (let i = 0; i < between; i += 1) x86.ret(code);
          x86.jump(code, 'target');
          for (let i = 0; i < between; i += 1) x86.ret(code);
          if (!backwards) code.label('target');
        });
        const at = before + between;
        const distance = new DataView(bytes.buffer).getInt32(at + 1, true);
        assert.equal(at + 5 + distance, backwards ? before : at + 5 + between);
      }),
    );
  });

  test('any aarch64 jump lands on its label, whatever lies between', () => {
    const kinds = {
      jump: { write: (code: Code) => arm.jump(code, 'target'), bits: 26, shift: 0 },
      jumpIf: { write: (code: Code) => arm.jumpIf(code, 'below', 'target'), bits: 19, shift: 5 },
      call: { write: (code: Code) => arm.call(code, 'target'), bits: 26, shift: 0 },
    };
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(kinds)),
        fc.nat(300),
        fc.nat(300),
        fc.boolean(),
        (kind, before, between, backwards) => {
          const bytes = bytesOf((code) => {
            for (let i = 0; i < before; i += 1) code.emitWord(0);
            if (backwards) code.label('target');
            for (let i = 0; i < between; i += 1) code.emitWord(0);
            kind.write(code);
            for (let i = 0; i < between; i += 1) code.emitWord(0);
            if (!backwards) code.label('target');
          });
          const at = before + between;
          const word = new DataView(bytes.buffer).getUint32(4 * at, true);
          const field = (word << (32 - kind.bits - kind.shift)) >> (32 - kind.bits);
          assert.equal(at + field, backwards ? before : at + 1 + between);
        },
      ),
    );
  });
});
