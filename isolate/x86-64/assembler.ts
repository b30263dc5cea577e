import { type Code, signedField, unsignedField } from '../code.ts';

/**
 * A small assembler for x86-64. Encodings are those of the Intel 64 manual, volume 2 (SDM 325383):
 * chapter 2.1.3 for ModR/M and SIB, 2.2.1 for REX prefixes, and each instruction's page for its opcode.
 */

/** Registers by their number in ModR/M, 8 and above by way of REX (SDM volume 2, table 3-1). */
export const registers = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const;
export type Register = keyof typeof registers;

/** Conditions of Jcc by the low four bits of its opcode (SDM volume 2, appendix B, table B-10). */
export const conditions = {
  below: 0x2,
  equal: 0x4,
  notEqual: 0x5,
  above: 0x7,
  less: 0xc,
  notLess: 0xd,
} as const;
export type Condition = keyof typeof conditions;

/** The /digit of opcode 81 and the opcode of the register form (SDM volume 2: ADD, AND, CMP, SUB). */
const arithmetic = {
  add: { digit: 0, opcode: 0x01 },
  and: { digit: 4, opcode: 0x21 },
  sub: { digit: 5, opcode: 0x29 },
  cmp: { digit: 7, opcode: 0x39 },
} as const;
export type Arithmetic = keyof typeof arithmetic;

/** REX.W with R for the ModR/M reg field and B for its rm field; `wide` false leaves W out. */
function rex(wide: boolean, reg: number, rm: number): number {
  return 0x40 | (wide ? 8 : 0) | (reg > 7 ? 4 : 0) | (rm > 7 ? 1 : 0);
}

/** A REX prefix where it says something; `bytes` is the operand's size and `reg` what is loaded or stored. */
function emitRexIfNeeded(code: Code, bytes: 1 | 4 | 8, reg: number, base: number): void {
  const prefix = rex(bytes === 8, reg, base);
  // Without any REX prefix, byte registers 4 to 7 are ah, ch, dh and bh instead of spl, bpl, sil and dil.
  if (prefix !== 0x40 || (bytes === 1 && reg > 3)) code.emit(prefix);
}

/** ModR/M byte. */
function modrm(mod: number, reg: number, rm: number): number {
  return (mod << 6) | ((reg & 7) << 3) | (rm & 7);
}

/** A 32-bit distance from the end of the instruction to a label. */
function emitDistance(code: Code, label: string): void {
  const at = code.length;
  code.emitWord(0);
  code.reference(label, at, at + 4, (view, place, distance) => {
    view.setInt32(place, signedField(distance, 32, `the distance to ${label}`), true);
  });
}

/** `[base + displacement]` with a 32-bit displacement; rsp and r12 need a SIB byte (SDM volume 2, tables 2-2 and 2-5). */
function emitMemory(code: Code, reg: number, base: number, displacement: number): void {
  code.emit(modrm(2, reg, base));
  if ((base & 7) === 4) code.emit(0x24);
  code.emitWord(signedField(displacement, 32, 'displacement'));
}

/** The instructions, each appended to `code`. */
export const assemble = {
  /** MOV r64, imm: B8+rd with 32 bits (zero-extended), REX.W C7 /0 (sign-extended). */
  moveNumber(code: Code, to: Register, value: number): void {
    const register = registers[to];
    if (value >= 0) {
      if (register > 7) code.emit(0x41);
      code.emit(0xb8 + (register & 7));
      code.emitWord(unsignedField(value, 32, 'number'));
    } else {
      code.emit(rex(true, 0, register), 0xc7, modrm(3, 0, register));
      code.emitWord(signedField(value, 32, 'number'));
    }
  },
  /** MOV r/m64, r64: REX.W 89 /r. */
  move(code: Code, to: Register, from: Register): void {
    code.emit(rex(true, registers[from], registers[to]), 0x89, modrm(3, registers[from], registers[to]));
  },
  /** LEA r64, [rip + distance]: REX.W 8D /r. */
  addressOf(code: Code, to: Register, label: string): void {
    code.emit(rex(true, registers[to], 0), 0x8d, modrm(0, registers[to], 5));
    emitDistance(code, label);
  },
  /** MOV r64, [rip + distance]: REX.W 8B /r. */
  loadAt(code: Code, to: Register, label: string): void {
    code.emit(rex(true, registers[to], 0), 0x8b, modrm(0, registers[to], 5));
    emitDistance(code, label);
  },
  /** LEA r64, [base + displacement]: REX.W 8D /r. */
  addressAt(code: Code, to: Register, base: Register, displacement: number): void {
    code.emit(rex(true, registers[to], registers[base]), 0x8d);
    emitMemory(code, registers[to], registers[base], displacement);
  },
  /** MOVZX r32, m8 (0F B6 /r) or MOV r32/r64, m (8B /r); the upper bits become zero. */
  load(code: Code, to: Register, bytes: 1 | 4 | 8, base: Register, displacement: number): void {
    emitRexIfNeeded(code, bytes === 1 ? 4 : bytes, registers[to], registers[base]);
    if (bytes === 1) code.emit(0x0f, 0xb6);
    else code.emit(0x8b);
    emitMemory(code, registers[to], registers[base], displacement);
  },
  /** MOV m8, r8 (88 /r) or MOV m, r32/r64 (89 /r); a REX prefix makes sil and dil reachable. */
  store(code: Code, from: Register, bytes: 1 | 4 | 8, base: Register, displacement: number): void {
    emitRexIfNeeded(code, bytes, registers[from], registers[base]);
    code.emit(bytes === 1 ? 0x88 : 0x89);
    emitMemory(code, registers[from], registers[base], displacement);
  },
  /** op r/m64, imm32: REX.W 81 /digit. */
  arithmeticNumber(code: Code, operation: Arithmetic, to: Register, value: number): void {
    code.emit(rex(true, 0, registers[to]), 0x81, modrm(3, arithmetic[operation].digit, registers[to]));
    code.emitWord(signedField(value, 32, 'number'));
  },
  /** op r/m64, r64. */
  arithmetic(code: Code, operation: Arithmetic, to: Register, from: Register): void {
    const { opcode } = arithmetic[operation];
    code.emit(rex(true, registers[from], registers[to]), opcode, modrm(3, registers[from], registers[to]));
  },
  /** IMUL r64, r/m64, imm32: REX.W 69 /r. */
  multiplyNumber(code: Code, to: Register, value: number): void {
    code.emit(rex(true, registers[to], registers[to]), 0x69, modrm(3, registers[to], registers[to]));
    code.emitWord(signedField(value, 32, 'number'));
  },
  /** SHR r/m64, imm8: REX.W C1 /5. */
  shiftRight(code: Code, to: Register, bits: number): void {
    code.emit(rex(true, 0, registers[to]), 0xc1, modrm(3, 5, registers[to]), unsignedField(bits, 6, 'shift'));
  },
  /** JMP rel32: E9. */
  jump(code: Code, label: string): void {
    code.emit(0xe9);
    emitDistance(code, label);
  },
  /** Jcc rel32: 0F 80+cc. */
  jumpIf(code: Code, condition: Condition, label: string): void {
    code.emit(0x0f, 0x80 | conditions[condition]);
    emitDistance(code, label);
  },
  /** JMP r/m64: FF /4. */
  jumpTo(code: Code, register: Register): void {
    if (registers[register] > 7) code.emit(0x41);
    code.emit(0xff, modrm(3, 4, registers[register]));
  },
  /** CALL r/m64: FF /2. */
  callRegister(code: Code, register: Register): void {
    if (registers[register] > 7) code.emit(0x41);
    code.emit(0xff, modrm(3, 2, registers[register]));
  },
  /** RET: C3. */
  ret(code: Code): void {
    code.emit(0xc3);
  },
  /** PUSH r64: 50+rd. */
  push(code: Code, from: Register): void {
    if (registers[from] > 7) code.emit(0x41);
    code.emit(0x50 + (registers[from] & 7));
  },
  /** POP r64: 58+rd. */
  pop(code: Code, to: Register): void {
    if (registers[to] > 7) code.emit(0x41);
    code.emit(0x58 + (registers[to] & 7));
  },
  /** SYSCALL: 0F 05. */
  systemCall(code: Code): void {
    code.emit(0x0f, 0x05);
  },
} as const;
