import { type Code, newCode } from '../code.ts';
import { placeSlots, registerAt } from '../frame.ts';
import type { Operand, Program, Relation, Step } from '../program.ts';
import { assemble, type Condition, type Register, stackPointer } from './assembler.ts';
import { systemCallNumbers } from './system-calls.ts';

/**
 * Steps to AArch64 instructions. Procedure call standard (AAPCS64, 6.1.1): x19 to x28 survive calls,
 * arguments come in x0 to x7, x30 is the way back; system calls take x0 to x5, the number in x8, and change
 * only x0 (Linux, syscall(2)).
 */

const variableRegisters: readonly Register[] = [19, 20, 21, 22, 23, 24];
const scratch: Register = 9;
const linkRegister: Register = 30;
/** What a function gives back as it was: the variables' registers, x30, and x29 to make it pairs. */
const savedPairs: readonly (readonly [Register, Register])[] = [
  [19, 20],
  [21, 22],
  [23, 24],
  [linkRegister, 29],
];
const savedBytes = 16 * savedPairs.length;

const relations: Readonly<Record<Relation, Condition>> = {
  '==': 'equal',
  '!=': 'notEqual',
  '<': 'less',
  '>=': 'notLess',
  above: 'above',
  below: 'below',
};

interface Frame {
  readonly register: (variable: string) => Register;
  readonly slotOffset: (slot: string) => number;
  readonly size: number;
}

/** Places of variables and slots; slots lie above the saved registers, and sp stays a multiple of 16. */
function frameOf(program: Program): Frame {
  const { offsetOf, end } = placeSlots(program.slots, savedBytes);
  return {
    register: (variable) => registerAt(variableRegisters, program.variables.indexOf(variable), 'variables'),
    slotOffset: offsetOf,
    size: Math.ceil(end / 16) * 16,
  };
}

function setRegister(code: Code, frame: Frame, to: Register, operand: Operand): void {
  if (typeof operand === 'number') assemble.moveNumber(code, to, operand);
  else if ('variable' in operand) assemble.move(code, to, frame.register(operand.variable));
  else if ('text' in operand) assemble.addressOf(code, to, `text:${operand.text}`);
  else if ('imported' in operand) assemble.loadLiteral(code, to, `import:${operand.imported}`);
  else assemble.addNumber(code, to, stackPointer, frame.slotOffset(operand.slot));
}

/** The register of an operand; a number goes into the scratch register first. */
function operandRegister(
  code: Code,
  frame: Frame,
  operand: number | { readonly variable: string },
): Register {
  if (typeof operand !== 'number') return frame.register(operand.variable);
  assemble.moveNumber(code, scratch, operand);
  return scratch;
}

function lowerCalculation(code: Code, frame: Frame, step: Extract<Step, { step: 'calculate' }>): void {
  const to = frame.register(step.variable);
  switch (step.operation) {
    case 'add':
    case 'and':
    case 'multiply':
      assemble[step.operation](code, to, to, operandRegister(code, frame, step.operand));
      break;
    case 'shift right':
      assemble.shiftRight(code, to, step.operand);
      break;
    default:
      step satisfies never;
  }
}

function lowerSystemCall(code: Code, frame: Frame, step: Extract<Step, { step: 'system call' }>): void {
  const { number, leading } = systemCallNumbers(step.name);
  for (const [index, operand] of [...leading, ...step.operands].entries()) {
    if (index > 5) throw new RangeError('too many arguments of a system call');
    setRegister(code, frame, index, operand);
  }
  assemble.moveNumber(code, 8, number);
  assemble.systemCall(code);
  assemble.move(code, frame.register(step.into), 0);
}

function saveRegisters(code: Code, how: 'storePair' | 'loadPair'): void {
  for (const [index, [first, second]] of savedPairs.entries()) assemble[how](code, first, second, 16 * index);
}

function lowerStep(code: Code, frame: Frame, step: Step): void {
  switch (step.step) {
    case 'label':
      code.label(step.name);
      break;
    case 'goto':
      assemble.jump(code, step.to);
      break;
    case 'if':
      assemble.compare(code, frame.register(step.variable), operandRegister(code, frame, step.operand));
      assemble.jumpIf(code, relations[step.relation], step.to);
      break;
    case 'set':
      setRegister(code, frame, frame.register(step.variable), step.operand);
      break;
    case 'calculate':
      lowerCalculation(code, frame, step);
      break;
    case 'load':
      assemble.load(code, frame.register(step.variable), step.bytes, frame.register(step.at), step.offset);
      break;
    case 'store':
      assemble.store(code, frame.register(step.variable), step.bytes, frame.register(step.at), step.offset);
      break;
    case 'system call':
      lowerSystemCall(code, frame, step);
      break;
    case 'call':
      assemble.call(code, step.to);
      break;
    case 'return':
      assemble.ret(code, linkRegister);
      break;
    case 'enter function':
      code.label(step.name);
      assemble.subtractNumber(code, stackPointer, stackPointer, frame.size);
      saveRegisters(code, 'storePair');
      for (const [index, parameter] of step.parameters.entries()) {
        assemble.move(code, frame.register(parameter), index);
      }
      break;
    case 'leave function':
      setRegister(code, frame, 0, step.result);
      saveRegisters(code, 'loadPair');
      assemble.addNumber(code, stackPointer, stackPointer, frame.size);
      assemble.ret(code, linkRegister);
      break;
    case 'call function':
      for (const [index, operand] of step.operands.entries()) setRegister(code, frame, index, operand);
      assemble.callRegister(code, frame.register(step.at));
      assemble.move(code, frame.register(step.into), 0);
      break;
    default:
      step satisfies never;
  }
}

/** The instructions of a program with its texts behind them; labels are not resolved yet. */
export function lowerToAarch64(program: Program): Code {
  const code = newCode();
  const frame = frameOf(program);
  if (program.startsWith !== undefined) {
    assemble.addNumber(code, frame.register(program.startsWith), stackPointer, 0);
    assemble.subtractNumber(code, stackPointer, stackPointer, frame.size);
  }
  for (const step of program.steps) lowerStep(code, frame, step);
  for (const [name, bytes] of Object.entries(program.texts)) {
    code.label(`text:${name}`);
    code.emit(...bytes);
  }
  return code;
}
