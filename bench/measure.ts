import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** What one command took. */
export interface Measured {
  readonly seconds: number;
  /**
   * Largest sum of proportional set sizes (PSS) over the watched processes, in bytes: what they take from the
   * machine together. Sums of resident sizes would count the runtime's own text once for each process.
   */
  readonly peakBytes: number;
}

/** Numbers of a process's children, and theirs, from /proc. */
function descendants(roots: readonly number[]): Set<number> {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const parent = parentOf(Number(entry));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const found = new Set(roots);
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child);
  return found;
}

function parentOf(pid: number): number | undefined {
  try {
    // The name in parentheses may hold anything; the fields behind its last parenthesis do not.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    // It ended between the listing and the look.
    return undefined;
  }
}

function proportionalBytes(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+([0-9]+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
  } catch {
    // It ended between the listing and the look.
    return 0;
  }
}

/** Watches the memory of processes and all they start, until it is stopped. */
export function watchMemory(roots: () => readonly number[]): { stop: () => number } {
  let peak = 0;
  const timer = setInterval(() => {
    let sum = 0;
    for (const pid of descendants(roots())) sum += proportionalBytes(pid);
    peak = Math.max(peak, sum);
  }, 25);
  return {
    stop: () => {
      clearInterval(timer);
      return peak;
    },
  };
}

/** Runs a command to its end and takes the time. `watch` names further processes whose memory counts. */
export async function measure(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; watch?: () => readonly number[] } = {},
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
  const roots = options.watch ?? (() => (child.pid === undefined ? [] : [child.pid]));
  const memory = watchMemory(roots);
  const [code] = await once(child, 'close');
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  const peakBytes = memory.stop();
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} exited with ${code}: ${errors}`);
  return { seconds, peakBytes };
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
