import { readdirSync, readFileSync } from 'node:fs';

/** Pids of the children of a process that run now, of any of its threads. */
export function childPids(pid: number = process.pid): number[] {
  const pids: number[] = [];
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8');
    pids.push(...text.split(' ').filter(Boolean).map(Number));
  }
  return pids;
}
