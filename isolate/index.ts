import { lowerToAarch64 } from './aarch64/lower.ts';
import type { Code } from './code.ts';
import type { Architecture } from './elf/bytes.ts';
import { writeExecutable } from './elf/executable.ts';
import { writeSharedObject } from './elf/shared-object.ts';
import type { Program } from './program.ts';
import { programProblems } from './program-problems.ts';
import { devfdShimExports, devfdShimImports, devfdShimProgram } from './programs/devfd-shim.ts';
import { enterProgram } from './programs/enter.ts';
import { isolateProgram } from './programs/isolate.ts';
import { lowerToX8664 } from './x86-64/lower.ts';

export type { Architecture } from './elf/bytes.ts';

const lower: Readonly<Record<Architecture, (program: Program) => Code>> = {
  'x86-64': lowerToX8664,
  aarch64: lowerToAarch64,
};

/** The machine code of a program. @throws RangeError listing what is wrong with it */
export function assembleProgram(architecture: Architecture, program: Program): Code {
  const problems = programProblems(program);
  if (problems.length > 0) throw new RangeError(`the program is not whole: ${problems.join(', ')}`);
  return lower[architecture](program);
}

/** The `isolate` executable (contract 5.1): static, under 2,048 bytes, the same bytes each time. */
export function isolateBinary(architecture: Architecture): Uint8Array {
  return writeExecutable(architecture, assembleProgram(architecture, isolateProgram));
}

/** The `enter` executable, by which a command gets among an application's processes: static, the same bytes each time. */
export function enterBinary(architecture: Architecture): Uint8Array {
  return writeExecutable(architecture, assembleProgram(architecture, enterProgram));
}

/** The devfd shim for LD_PRELOAD (contract 5.2). */
export function devfdShim(architecture: Architecture): Uint8Array {
  return writeSharedObject(architecture, assembleProgram(architecture, devfdShimProgram), {
    exports: devfdShimExports,
    imports: devfdShimImports,
  });
}
