import { type Code, signedField, unsignedField } from '../code.ts';

/**
 * A small assembler for AArch64. Encodings are those of the Arm Architecture Reference Manual for A-profile
 * (DDI 0487), chapter C6; each function names the instruction's page there.
 */

/** A general register x0 to x30 by number; 31 is sp or xzr, as the instruction says. */
export type Register = number;
export const stackPointer: Register = 31;

/** Conditions of B.cond (DDI 0487, C1.2.4). */
export const conditions = {
  equal: 0,
  notEqual: 1,
  below: 3,
  above: 8,
  notLess: 10,
  less: 11,
} as const;
export type Condition = keyof typeof conditions;

const opcode = (value: number, ...fields: number[]): number =>
  fields.reduce((word, field) => (word | field) >>> 0, value);

/** A distance to a label, in words, put into a bit field of the instruction. */
function emitBranch(code: Code, word: number, label: string, bits: number, shift: number): void {
  const at = code.length;
  code.emitWord(word);
  code.reference(label, at, at, (view, place, distance) => {
    if (distance % 4 !== 0) throw new RangeError(`${label} is not aligned to an instruction`);
    const words = signedField(distance / 4, bits, `the distance to ${label}`);
    const field = ((words & (2 ** bits - 1)) << shift) >>> 0;
    view.setUint32(place, opcode(view.getUint32(place, true), field), true);
  });
}

/** The instructions, each appended to `code`. */
export const assemble = {
  /** MOVZ, MOVN and MOVK (wide immediate), as few as needed. */
  moveNumber(code: Code, to: Register, value: number): void {
    signedField(value, 53, 'number');
    if (value < 0) {
      code.emitWord(opcode(0x92800000, unsignedField(-value - 1, 16, 'number') << 5, to));
      return;
    }
    code.emitWord(opcode(0xd2800000, (value % 0x10000) << 5, to));
    let rest = Math.floor(value / 0x10000);
    for (let part = 1; rest > 0; part += 1) {
      const half = rest % 0x10000;
      if (half !== 0) code.emitWord(opcode(0xf2800000, part << 21, half << 5, to));
      rest = Math.floor(rest / 0x10000);
    }
  },
  /** MOV (register): ORR Xd, XZR, Xm. */
  move(code: Code, to: Register, from: Register): void {
    code.emitWord(opcode(0xaa0003e0, from << 16, to));
  },
  /** ADR: the address of a label within 1 MiB. */
  addressOf(code: Code, to: Register, label: string): void {
    const at = code.length;
    code.emitWord(opcode(0x10000000, to));
    code.reference(label, at, at, (view, place, distance) => {
      const bytes = signedField(distance, 21, `the distance to ${label}`) & 0x1fffff;
      view.setUint32(place, opcode(view.getUint32(place, true), (bytes & 3) << 29, (bytes >> 2) << 5), true);
    });
  },
  /** LDR (literal): the eight bytes at a label within 1 MiB. */
  loadLiteral(code: Code, to: Register, label: string): void {
    emitBranch(code, opcode(0x58000000, to), label, 19, 5);
  },
  /** ADD (immediate); reads and writes sp as 31. */
  addNumber(code: Code, to: Register, from: Register, value: number): void {
    code.emitWord(opcode(0x91000000, unsignedField(value, 12, 'number') << 10, from << 5, to));
  },
  /** SUB (immediate); reads and writes sp as 31. */
  subtractNumber(code: Code, to: Register, from: Register, value: number): void {
    code.emitWord(opcode(0xd1000000, unsignedField(value, 12, 'number') << 10, from << 5, to));
  },
  /** ADD (shifted register). */
  add(code: Code, to: Register, left: Register, right: Register): void {
    code.emitWord(opcode(0x8b000000, right << 16, left << 5, to));
  },
  /** AND (shifted register). */
  and(code: Code, to: Register, left: Register, right: Register): void {
    code.emitWord(opcode(0x8a000000, right << 16, left << 5, to));
  },
  /** MADD with XZR, that is MUL. */
  multiply(code: Code, to: Register, left: Register, right: Register): void {
    code.emitWord(opcode(0x9b007c00, right << 16, left << 5, to));
  },
  /** UBFM as LSR (immediate). */
  shiftRight(code: Code, to: Register, bits: number): void {
    code.emitWord(opcode(0xd340fc00, unsignedField(bits, 6, 'shift') << 16, to << 5, to));
  },
  /** SUBS with XZR, that is CMP (shifted register). */
  compare(code: Code, left: Register, right: Register): void {
    code.emitWord(opcode(0xeb00001f, right << 16, left << 5));
  },
  /** LDRB, LDR (immediate, unsigned offset); the upper bits become zero. */
  load(code: Code, to: Register, bytes: 1 | 4 | 8, base: Register, offset: number): void {
    const word = { 1: 0x39400000, 4: 0xb9400000, 8: 0xf9400000 }[bytes];
    code.emitWord(opcode(word, scaledOffset(offset, bytes), base << 5, to));
  },
  /** STRB, STR (immediate, unsigned offset). */
  store(code: Code, from: Register, bytes: 1 | 4 | 8, base: Register, offset: number): void {
    const word = { 1: 0x39000000, 4: 0xb9000000, 8: 0xf9000000 }[bytes];
    code.emitWord(opcode(word, scaledOffset(offset, bytes), base << 5, from));
  },
  /** STP (signed offset) of two registers at [sp + offset]. */
  storePair(code: Code, first: Register, second: Register, offset: number): void {
    code.emitWord(opcode(0xa9000000, pairOffset(offset), second << 10, stackPointer << 5, first));
  },
  /** LDP (signed offset) of two registers at [sp + offset]. */
  loadPair(code: Code, first: Register, second: Register, offset: number): void {
    code.emitWord(opcode(0xa9400000, pairOffset(offset), second << 10, stackPointer << 5, first));
  },
  /** B: within 128 MiB. */
  jump(code: Code, label: string): void {
    emitBranch(code, 0x14000000, label, 26, 0);
  },
  /** B.cond: within 1 MiB. */
  jumpIf(code: Code, condition: Condition, label: string): void {
    emitBranch(code, opcode(0x54000000, conditions[condition]), label, 19, 5);
  },
  /** BL: within 128 MiB; leaves the way back in x30. */
  call(code: Code, label: string): void {
    emitBranch(code, 0x94000000, label, 26, 0);
  },
  /** BLR. */
  callRegister(code: Code, register: Register): void {
    code.emitWord(opcode(0xd63f0000, register << 5));
  },
  /** RET to the address in a register, usually x30. */
  ret(code: Code, register: Register): void {
    code.emitWord(opcode(0xd65f0000, register << 5));
  },
  /** SVC #0. */
  systemCall(code: Code): void {
    code.emitWord(0xd4000001);
  },
} as const;

function scaledOffset(offset: number, bytes: number): number {
  if (offset % bytes !== 0) throw new RangeError(`offset ${offset} is not a multiple of ${bytes}`);
  return unsignedField(offset / bytes, 12, 'offset') << 10;
}

function pairOffset(offset: number): number {
  if (offset % 8 !== 0) throw new RangeError(`offset ${offset} is not a multiple of 8`);
  return (signedField(offset / 8, 7, 'offset') & 0x7f) << 15;
}
