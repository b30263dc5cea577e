import { type Code, newCode } from '../code.ts';
import { placeSlots, registerAt } from '../frame.ts';
import type { Operand, Program, Relation, Step } from '../program.ts';
import { assemble, type Condition, type Register } from './assembler.ts';
import { systemCallNumbers } from './system-calls.ts';

/**
 * Steps to x86-64 instructions. System V ABI (AMD64 supplement 1.0): rbx, rbp and r12 to r15 survive calls
 * (3.2.1), arguments come in rdi, rsi, rdx, rcx (3.2.3); system calls take rdi, rsi, rdx, r10, r8, r9, the
 * number in rax, and change only rax, rcx and r11 (A.2.1).
 */

const variableRegisters: readonly Register[] = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'];
const callRegisters: readonly Register[] = ['rdi', 'rsi', 'rdx', 'rcx'];
const systemCallRegisters: readonly Register[] = ['rdi', 'rsi', 'rdx', 'r10', 'r8'];
/** Where a subroutine finds the way back. The stack stays as it is, so that slots keep their places. */
const linkRegister: Register = 'r9';

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
  readonly uniqueLabel: () => string;
}

/** Places of variables and slots. The size keeps rsp at a multiple of 16 after six pushes and a return address. */
function frameOf(program: Program): Frame {
  const { offsetOf, end } = placeSlots(program.slots, 0);
  let labels = 0;
  return {
    register: (variable) => registerAt(variableRegisters, program.variables.indexOf(variable), 'variables'),
    slotOffset: offsetOf,
    size: Math.ceil(end / 16) * 16 + 8,
    uniqueLabel: () => {
      labels += 1;
      return `return:${labels}`;
    },
  };
}

function setRegister(code: Code, frame: Frame, to: Register, operand: Operand): void {
  if (typeof operand === 'number') assemble.moveNumber(code, to, operand);
  else if ('variable' in operand) assemble.move(code, to, frame.register(operand.variable));
  else if ('text' in operand) assemble.addressOf(code, to, `text:${operand.text}`);
  else if ('imported' in operand) assemble.loadAt(code, to, `import:${operand.imported}`);
  else assemble.addressAt(code, to, 'rsp', frame.slotOffset(operand.slot));
}

function lowerCalculation(code: Code, frame: Frame, step: Extract<Step, { step: 'calculate' }>): void {
  const to = frame.register(step.variable);
  switch (step.operation) {
    case 'add':
    case 'and':
      if (typeof step.operand === 'number') assemble.arithmeticNumber(code, step.operation, to, step.operand);
      else assemble.arithmetic(code, step.operation, to, frame.register(step.operand.variable));
      break;
    case 'multiply':
      assemble.multiplyNumber(code, to, step.operand);
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
    setRegister(code, frame, registerAt(systemCallRegisters, index, 'arguments of a system call'), operand);
  }
  assemble.moveNumber(code, 'rax', number);
  assemble.systemCall(code);
  assemble.move(code, frame.register(step.into), 'rax');
}

function lowerStep(code: Code, frame: Frame, step: Step): void {
  switch (step.step) {
    case 'label':
      code.label(step.name);
      break;
    case 'goto':
      assemble.jump(code, step.to);
      break;
    case 'if': {
      const left = frame.register(step.variable);
      if (typeof step.operand === 'number') assemble.arithmeticNumber(code, 'cmp', left, step.operand);
      else assemble.arithmetic(code, 'cmp', left, frame.register(step.operand.variable));
      assemble.jumpIf(code, relations[step.relation], step.to);
      break;
    }
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
    case 'call': {
      const wayBack = frame.uniqueLabel();
      assemble.addressOf(code, linkRegister, wayBack);
      assemble.jump(code, step.to);
      code.label(wayBack);
      break;
    }
    case 'return':
      assemble.jumpTo(code, linkRegister);
      break;
    case 'enter function':
      code.label(step.name);
      for (const register of variableRegisters) assemble.push(code, register);
      assemble.arithmeticNumber(code, 'sub', 'rsp', frame.size);
      for (const [index, parameter] of step.parameters.entries()) {
        assemble.move(code, frame.register(parameter), registerAt(callRegisters, index, 'parameters'));
      }
      break;
    case 'leave function':
      setRegister(code, frame, 'rax', step.result);
      assemble.arithmeticNumber(code, 'add', 'rsp', frame.size);
      for (const register of [...variableRegisters].reverse()) assemble.pop(code, register);
      assemble.ret(code);
      break;
    case 'call function':
      for (const [index, operand] of step.operands.entries())
        setRegister(code, frame, registerAt(callRegisters, index, 'arguments of a function'), operand);
      assemble.callRegister(code, frame.register(step.at));
      assemble.move(code, frame.register(step.into), 'rax');
      break;
    default:
      step satisfies never;
  }
}

/** The instructions of a program with its texts behind them; labels are not resolved yet. */
export function lowerToX8664(program: Program): Code {
  const code = newCode();
  const frame = frameOf(program);
  if (program.startsWith !== undefined) {
    assemble.move(code, frame.register(program.startsWith), 'rsp');
    assemble.arithmeticNumber(code, 'sub', 'rsp', frame.size + 8);
  }
  for (const step of program.steps) lowerStep(code, frame, step);
  for (const [name, bytes] of Object.entries(program.texts)) {
    code.label(`text:${name}`);
    code.emit(...bytes);
  }
  return code;
}
