import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Memory, watchMemory } from './memory.ts';

/** What one command took. */
export interface Measured {
  readonly seconds: number;
  /** Present when it was asked for. */
  readonly peak?: Memory;
}

export interface MeasureOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Watch the memory too, which slows down what is measured: of the command, or of the processes `roots` names. */
  readonly memory?: boolean;
  readonly roots?: () => readonly number[];
}

/** Runs a command to its end and takes the time. */
export async function measure(
  program: string,
  args: readonly string[],
  options: MeasureOptions = {},
): Promise<Measured> {
  const begin = process.hrtime.bigint();
  const child = spawn(program, args, {
    env: options.env ?? process.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000);
  });
  const roots = options.roots ?? (() => (child.pid === undefined ? [] : [child.pid]));
  const watch = options.memory === true ? watchMemory(roots) : undefined;
  const [code] = await once(child, 'close');
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  const peak = watch?.stop();
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} exited with ${code}: ${errors}`);
  return { seconds, ...(peak === undefined ? {} : { peak }) };
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
