import { setTimeout as delay } from 'node:timers/promises';
import { type Child, type ChildEnd, startChild } from '../src/system/exec/child.ts';

/** A program the supervisor runs. */
export interface Program {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a program whose output goes where the supervisor's own goes: into the log file. */
export function startOwned(program: Program, onParentDeath: 'TERM' | 'KILL'): Promise<Child> {
  return startChild(program.program, program.args, {
    onParentDeath,
    output: 1,
    ...(program.env === undefined ? {} : { env: program.env }),
  });
}

/** Asks a child to end and makes sure that it has, by SIGKILL after `graceMs`. */
export async function endChild(child: Child, graceMs: number): Promise<ChildEnd> {
  child.kill('SIGTERM');
  const settled = new AbortController();
  const late = delay(graceMs, 'late' as const, { signal: settled.signal }).catch(() => 'ended' as const);
  if ((await Promise.race([child.ended, late])) === 'late') child.kill('SIGKILL');
  const end = await child.ended;
  settled.abort();
  return end;
}

/** The child's end, or undefined when the signal aborts first. */
export async function endOrAbort(child: Child, signal: AbortSignal): Promise<ChildEnd | undefined> {
  if (signal.aborted) return undefined;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const abort = (): void => resolve(undefined);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([child.ended, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Waits, but not past the signal. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
