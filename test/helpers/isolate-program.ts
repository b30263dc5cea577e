import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Architecture, enterBinary, isolateBinary } from '../../isolate/index.ts';

/** How a binary of the architecture is run here: natively, or by qemu's user mode emulation. */
export function launcher(architecture: Architecture): readonly string[] | undefined {
  if ((architecture === 'x86-64') === (arch() === 'x64')) return [];
  const emulator = architecture === 'aarch64' ? 'qemu-aarch64' : 'qemu-x86_64';
  return spawnSync(emulator, ['--version']).status === 0 ? [emulator] : undefined;
}

/** True when the processor here runs the architecture's programs itself. */
export function isNative(architecture: Architecture): boolean {
  return launcher(architecture)?.length === 0;
}

/** Why `isolate` of an architecture cannot be run here, or false. */
export function isolateMissing(architecture: Architecture): string | false {
  if (process.geteuid?.() !== 0) return 'needs root';
  return launcher(architecture) === undefined
    ? `no emulator for ${architecture} (Debian's qemu-user)`
    : false;
}

/** Why system calls cannot be traced or made to fail, or false. */
export const straceMissing =
  spawnSync('strace', ['--version']).status === 0 ? false : 'strace is not installed';

/** What became of a run. */
export interface IsolateEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program `isolate`, in a directory of its own. */
export interface IsolateProgram extends Disposable {
  readonly directory: string;
  /** The words for `unshare` that start it, arguments to follow; `between` are words of a program that starts it. */
  command(...between: string[]): string[];
  /** Runs it to its end. */
  run(...args: string[]): IsolateEnd;
  /** Runs a command among the processes that a supervisor's children are, by the program `enter`. */
  enter(supervisor: number | undefined, ...command: string[]): IsolateEnd;
}

/** Writes the program of an architecture. */
export function isolateProgram(architecture: Architecture): IsolateProgram {
  const directory = mkdtempSync(join(tmpdir(), 'sdme-isolate-'));
  const file = join(directory, 'isolate');
  writeFileSync(file, isolateBinary(architecture));
  chmodSync(file, 0o555);
  const enter = join(directory, 'enter');
  writeFileSync(enter, enterBinary(architecture), { mode: 0o555 });
  chmodSync(directory, 0o755);
  // A mount namespace of its own stands for the one that systemd's RootDirectory= makes.
  const apart = ['--mount', '--propagation', 'private', '--'];
  const command = (...between: string[]): string[] => [
    ...apart,
    ...between,
    ...(launcher(architecture) ?? []),
    file,
  ];
  // The kernel lets no program with threads into a mount namespace, and the emulator has some.
  const inPlace = ['strace', '-qq', '-o', '/dev/null', '-e', 'inject=setns:retval=0'];
  const entered = [...(isNative(architecture) ? [] : inPlace), ...(launcher(architecture) ?? []), enter];
  return {
    directory,
    command,
    run: (...args) => runIn([...command(), ...args]),
    enter: (supervisor, ...args) =>
      runIn([...apart, ...entered, ...(supervisor === undefined ? [] : [`/proc/${supervisor}`]), ...args]),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

/** Runs words in new namespaces with `unshare`. */
export function runIn(words: readonly string[], env: NodeJS.ProcessEnv = process.env): IsolateEnd {
  const { status, stdout, stderr } = spawnSync('unshare', words, { encoding: 'utf8', timeout: 30_000, env });
  return { status, stdout, stderr };
}
