import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Architecture } from '../../isolate/index.ts';

const objdumps = {
  'x86-64': { program: 'objdump', machine: 'i386:x86-64' },
  aarch64: { program: 'aarch64-linux-gnu-objdump', machine: 'aarch64' },
} as const satisfies Record<Architecture, { program: string; machine: string }>;

/** Why the real objdump cannot be asked, or undefined. */
export function noObjdump(architecture: Architecture): string | undefined {
  const { program } = objdumps[architecture];
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${program} (Debian's binutils) is not installed`;
  }
}

/** What the real objdump reads in the bytes: one text an instruction, white space folded, comments left out. */
export function disassemble(architecture: Architecture, bytes: Uint8Array): string[] {
  const { program, machine } = objdumps[architecture];
  const directory = mkdtempSync(join(tmpdir(), 'sdme-objdump-'));
  try {
    const file = join(directory, 'code');
    writeFileSync(file, bytes);
    const intel = architecture === 'x86-64' ? ['-M', 'intel'] : [];
    const args = ['-D', '-b', 'binary', '-m', machine, ...intel, '--no-show-raw-insn', file];
    const listing = execFileSync(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    return listing
      .split('\n')
      .filter((line) => /^\s*[0-9a-f]+:/.test(line))
      .map((line) =>
        line
          .replace(/^\s*[0-9a-f]+:\s*/, '')
          .replace(architecture === 'x86-64' ? /\s*#.*$/ : /\s*\/\/.*$/, '')
          .replace(/\s+/g, ' ')
          .trim(),
      );
  } finally {
    rmSync(directory, { recursive: true });
  }
}
