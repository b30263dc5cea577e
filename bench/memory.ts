import { readdirSync, readFileSync } from 'node:fs';

/** Memory of some processes together, in bytes. */
export interface Memory {
  /** Sum of proportional set sizes: what they take from the machine together, shared pages counted once. */
  readonly proportional: number;
  /** Sum of resident sizes, which counts the pages of the one runtime again for each process. */
  readonly resident: number;
}

/** A process, its children and theirs, from the lists the kernel keeps. */
function family(root: number): number[] {
  const found = [root];
  for (const pid of found) {
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8');
        found.push(...children.split(' ').filter(Boolean).map(Number));
      }
    } catch {
      // It ended between the listing and the look.
    }
  }
  return found;
}

function memoryOf(pid: number): Memory {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const bytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+([0-9]+) kB`, 'm').exec(rollup)?.[1] ?? 0) * 1024;
    return { proportional: bytes('Pss'), resident: bytes('Rss') };
  } catch {
    // It ended between the listing and the look.
    return { proportional: 0, resident: 0 };
  }
}

/** Watches the memory of processes and all they start, until it is stopped; gives the largest sums it saw. */
export function watchMemory(roots: () => readonly number[]): { stop: () => Memory } {
  let peak: Memory = { proportional: 0, resident: 0 };
  const timer = setInterval(() => {
    const all = roots().flatMap(family).map(memoryOf);
    const sum = (pick: (one: Memory) => number): number => all.reduce((total, one) => total + pick(one), 0);
    peak = {
      proportional: Math.max(
        peak.proportional,
        sum((one) => one.proportional),
      ),
      resident: Math.max(
        peak.resident,
        sum((one) => one.resident),
      ),
    };
  }, 20);
  return {
    stop: () => {
      clearInterval(timer);
      return peak;
    },
  };
}
