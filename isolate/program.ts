/**
 * The words a program is written in before it becomes machine code: variables, labels, memory and system
 * calls, the same for every architecture. `x86-64/lower.ts` and `aarch64/lower.ts` turn each step into
 * instructions. All arithmetic is on 64 bits.
 */

/**
 * A value that a step reads: a number, a variable, or the address of a text, of a scratch slot or of a function of
 * another shared object, which is 0 for an optional one that no object has.
 */
export type Operand =
  | number
  | { readonly variable: string }
  | { readonly text: string }
  | { readonly slot: string }
  | { readonly imported: string };

/** Relations of two numbers: `above` and `below` compare without sign, `<` and `>=` with sign. */
export type Relation = '==' | '!=' | '<' | '>=' | 'above' | 'below';

export type Step =
  | { readonly step: 'label'; readonly name: string }
  | { readonly step: 'goto'; readonly to: string }
  | {
      readonly step: 'if';
      readonly variable: string;
      readonly relation: Relation;
      readonly operand: number | { readonly variable: string };
      readonly to: string;
    }
  | { readonly step: 'set'; readonly variable: string; readonly operand: Operand }
  | {
      readonly step: 'calculate';
      readonly operation: 'add' | 'and';
      readonly variable: string;
      readonly operand: number | { readonly variable: string };
    }
  | {
      readonly step: 'calculate';
      readonly operation: 'multiply' | 'shift right';
      readonly variable: string;
      readonly operand: number;
    }
  | {
      readonly step: 'load' | 'store';
      readonly variable: string;
      /** The variable that holds the address. */
      readonly at: string;
      readonly offset: number;
      readonly bytes: 1 | 4 | 8;
    }
  | {
      readonly step: 'system call';
      readonly name: string;
      readonly operands: readonly Operand[];
      /** Where the kernel's answer goes: a result, or minus an errno. */
      readonly into: string;
    }
  /** Calls a subroutine of the same program, which must not call anything itself; variables are shared. */
  | { readonly step: 'call'; readonly to: string }
  | { readonly step: 'return' }
  /** The first step of a function that C code calls; its arguments go into the variables, in order. */
  | { readonly step: 'enter function'; readonly name: string; readonly parameters: readonly string[] }
  | { readonly step: 'leave function'; readonly result: Operand }
  /** Calls a C function by its address, with four operands at most. */
  | {
      readonly step: 'call function';
      readonly at: string;
      readonly operands: readonly Operand[];
      readonly into: string;
    };

/** A whole program. */
export interface Program {
  /** At most as many as the architectures have registers for: see `maxVariables`. */
  readonly variables: readonly string[];
  /** Scratch memory on the stack, each slot with its size in bytes. */
  readonly slots: Readonly<Record<string, number>>;
  /** Read-only bytes behind the code. */
  readonly texts: Readonly<Record<string, Uint8Array>>;
  readonly steps: readonly Step[];
  /** For a program that is started by the kernel: the variable that gets the address of argc. */
  readonly startsWith?: string;
}

/** Variables live in registers that neither system calls nor C functions change. */
export const maxVariables = 6;

// The constructors below let a program read like the calls it makes.

export const label = (name: string): Step => ({ step: 'label', name });
export const goTo = (to: string): Step => ({ step: 'goto', to });
export const variable = (name: string): { readonly variable: string } => ({ variable: name });
export const text = (name: string): Operand => ({ text: name });
export const slot = (name: string): Operand => ({ slot: name });
export const imported = (name: string): Operand => ({ imported: name });
export const set = (name: string, operand: Operand): Step => ({ step: 'set', variable: name, operand });
export const load = (name: string, bytes: 1 | 4 | 8, at: string, offset = 0): Step => ({
  step: 'load',
  variable: name,
  at,
  offset,
  bytes,
});
export const store = (name: string, bytes: 1 | 4 | 8, at: string, offset = 0): Step => ({
  step: 'store',
  variable: name,
  at,
  offset,
  bytes,
});
export const add = (name: string, operand: number | { readonly variable: string }): Step => ({
  step: 'calculate',
  operation: 'add',
  variable: name,
  operand,
});
export const and = (name: string, operand: number | { readonly variable: string }): Step => ({
  step: 'calculate',
  operation: 'and',
  variable: name,
  operand,
});
export const multiply = (name: string, operand: number): Step => ({
  step: 'calculate',
  operation: 'multiply',
  variable: name,
  operand,
});
export const shiftRight = (name: string, operand: number): Step => ({
  step: 'calculate',
  operation: 'shift right',
  variable: name,
  operand,
});
/** `when('child', '==', 0, 'workload')`: goes to the label when the relation holds. */
export const when = (
  name: string,
  relation: Relation,
  operand: number | { readonly variable: string },
  to: string,
): Step => ({ step: 'if', variable: name, relation, operand, to });
export const systemCall = (name: string, operands: readonly Operand[], into: string): Step => ({
  step: 'system call',
  name,
  operands,
  into,
});
export const callFunction = (at: string, operands: readonly Operand[], into: string): Step => ({
  step: 'call function',
  at,
  operands,
  into,
});
export const call = (to: string): Step => ({ step: 'call', to });
export const back: Step = { step: 'return' };
