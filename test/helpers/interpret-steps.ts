import type { Operand, Step } from '../../isolate/program.ts';

/**
 * What a program computes, said once more and without machine code: the variables and the memory behind `cursor` when it
 * comes to the label `end`. Knows the steps that compute, not those that call the kernel or C.
 */
export function interpret(
  steps: readonly Step[],
  variables: readonly string[],
  memory: DataView,
): ReadonlyMap<string, bigint> {
  const values = new Map(variables.map((name) => [name, 0n]));
  const read = (operand: Operand): bigint => {
    if (typeof operand === 'number') return BigInt.asUintN(64, BigInt(operand));
    if ('variable' in operand) return values.get(operand.variable) ?? 0n;
    throw new TypeError('no address is known here');
  };
  const place = (name: string): number =>
    steps.findIndex((step) => step.step === 'label' && step.name === name);
  const end = place('end');
  let wayBack = end;
  for (let at = 0; at !== end; at += 1) {
    const step = steps[at];
    switch (step?.step) {
      case 'label':
        break;
      case 'goto':
        at = place(step.to);
        break;
      case 'call':
        wayBack = at;
        at = place(step.to);
        break;
      case 'return':
        at = wayBack;
        break;
      case 'if':
        if (holds(read({ variable: step.variable }), step.relation, read(step.operand))) at = place(step.to);
        break;
      case 'set':
        values.set(step.variable, read(step.operand));
        break;
      case 'calculate': {
        const result = calculate(read({ variable: step.variable }), step.operation, read(step.operand));
        values.set(step.variable, BigInt.asUintN(64, result));
        break;
      }
      case 'load': {
        const { bytes, offset } = step;
        const sizes = {
          1: () => BigInt(memory.getUint8(offset)),
          4: () => BigInt(memory.getUint32(offset, true)),
          8: () => memory.getBigUint64(offset, true),
        };
        values.set(step.variable, sizes[bytes]());
        break;
      }
      case 'store': {
        const value = read({ variable: step.variable });
        for (let byte = 0; byte < step.bytes; byte += 1)
          memory.setUint8(step.offset + byte, Number((value >> BigInt(8 * byte)) & 0xffn));
        break;
      }
      default:
        throw new TypeError(`step ${at} is not one that computes`);
    }
  }
  return values;
}

function holds(left: bigint, relation: Extract<Step, { step: 'if' }>['relation'], right: bigint): boolean {
  const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
  switch (relation) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return signed(left) < signed(right);
    case '>=':
      return signed(left) >= signed(right);
    case 'above':
      return left > right;
    case 'below':
      return left < right;
  }
}

function calculate(
  left: bigint,
  operation: Extract<Step, { step: 'calculate' }>['operation'],
  right: bigint,
): bigint {
  switch (operation) {
    case 'add':
      return left + right;
    case 'and':
      return left & right;
    case 'multiply':
      return left * right;
    case 'shift right':
      return left >> right;
  }
}
