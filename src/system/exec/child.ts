import { spawn } from 'node:child_process';
import { SdmeError } from '../../base/errors.ts';
import { plainEnvironment } from './run.ts';

/** How a long-lived child is started. */
export interface ChildOptions {
  /** The whole environment; default as for `run`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Open file descriptor that takes standard output and error; default: thrown away. */
  readonly output?: number;
  /** What the kernel sends the child when this process dies without ending it, PR_SET_PDEATHSIG. */
  readonly onParentDeath: 'TERM' | 'KILL';
}

/** How a child ended: an exit code, or the signal that ended it. */
export interface ChildEnd {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** A running child. Its owner ends it; the kernel does when the owner dies. */
export interface Child {
  readonly pid: number;
  /** Settles once the child has ended and its output is closed. Never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** Sends a signal; a child that has ended already gets none. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a program that runs until it is told to end. It is in a session of its own, so that a terminal's
 * Ctrl-C reaches only its owner, which ends its children in order.
 *
 * @throws SdmeError `process.failed` when it cannot be started
 */
export async function startChild(
  program: string,
  args: readonly string[],
  options: ChildOptions,
): Promise<Child> {
  const output = options.output ?? 'ignore';
  const child = spawn('setpriv', ['--pdeathsig', options.onParentDeath, '--', program, ...args], {
    cwd: '/',
    env: { ...(options.env ?? plainEnvironment) },
    stdio: ['ignore', output, output],
    detached: true,
  });
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once('close', (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(new SdmeError('process.failed', `cannot start ${program}`, { cause, facts: { program } }));
    });
  });
  const pid = child.pid;
  if (pid === undefined) throw new SdmeError('process.failed', `${program} has no process id`);
  return { pid, ended, kill: (signal) => void child.kill(signal) };
}

/**
 * Starts a program that outlives this process: a session of its own, no standard input, output into the open
 * file `output`. Nobody waits for it; its own lock and log say what became of it.
 *
 * @throws SdmeError `process.failed` when it cannot be started
 */
export async function startDetached(
  program: string,
  args: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly output: number },
): Promise<void> {
  const child = spawn(program, [...args], {
    cwd: '/',
    env: { ...options.env },
    stdio: ['ignore', options.output, options.output],
    detached: true,
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(new SdmeError('process.failed', `cannot start ${program}`, { cause, facts: { program } }));
    });
  });
  child.unref();
}
