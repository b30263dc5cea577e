import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { SdmeError } from '../../base/errors.ts';

/** How a program is run to its end. */
export interface RunOptions {
  /** The whole environment of the program; nothing is inherited unless given. Default: PATH and LC_ALL=C.UTF-8. */
  readonly env?: Readonly<Record<string, string>>;
  /** The working directory; default: `/`. */
  readonly cwd?: string;
  /** What the program reads on standard input; default: nothing. */
  readonly input?: string;
  /** Ends the program and all of its process group; the call rejects with the signal's reason once they are gone. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the program is ended and the call rejects. */
  readonly timeoutMs?: number;
  /** Called with each line of output as it comes. */
  readonly onLine?: (stream: 'stdout' | 'stderr', line: string) => void;
  /** Bytes of each stream kept in the result; what goes beyond is dropped from the front. Default 1 MiB. */
  readonly maxOutput?: number;
  /** Exit codes that are no error; default only 0. */
  readonly accept?: readonly number[];
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment programs get when the caller names none: no secrets of ours, messages in one language. */
export const plainEnvironment: Readonly<Record<string, string>> = Object.freeze({
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
});

/**
 * The environment of our own Node.js programs: as above, and compiled code is kept from one start to the next, which
 * saves each a good half of a second and the compiler's memory. What lies there is run, so only root may write it.
 */
export const nodeEnvironment: Readonly<Record<string, string>> = Object.freeze({
  ...plainEnvironment,
  NODE_COMPILE_CACHE: '/var/cache/sdme/compile',
});

/** Keeps the last `limit` bytes of a stream and calls back for each whole line. */
function collect(
  stream: Readable,
  limit: number,
  onLine: ((line: string) => void) | undefined,
): () => string {
  let kept = Buffer.alloc(0);
  let partial = '';
  const decoder = new TextDecoder();
  stream.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]);
    if (kept.length > limit) kept = kept.subarray(kept.length - limit);
    if (onLine === undefined) return;
    const lines = (partial + decoder.decode(chunk, { stream: true })).split('\n');
    partial = (lines.pop() ?? '').slice(-8192);
    for (const line of lines) onLine(line);
  });
  stream.on('end', () => {
    if (onLine !== undefined && partial !== '') onLine(partial);
  });
  return () => kept.toString('utf8');
}

/** Ends a whole process group; it may be gone already. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The last lines a failing program wrote, for its error message. */
function tail(text: string): string {
  return text.trim().split('\n').slice(-3).join(' / ').slice(-600);
}

/**
 * Runs a program in a process group of its own and waits for its end. It dies with this process too
 * (`setpriv --pdeathsig`, util-linux), so that a killed worker leaves no orphan.
 *
 * @throws SdmeError `process.failed` with facts `program` and `code` or `signal`; the reason of `options.signal`
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const limit = options.maxOutput ?? 1024 * 1024;
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
    cwd: options.cwd ?? '/',
    env: { ...(options.env ?? plainEnvironment) },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const stdout = collect(child.stdout, limit, options.onLine && ((line) => options.onLine?.('stdout', line)));
  const stderr = collect(child.stderr, limit, options.onLine && ((line) => options.onLine?.('stderr', line)));
  // A program that ends without reading its input closes the pipe; its exit code tells the rest.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  let timedOut = false;
  const abort = (): void => killGroup(child.pid);
  options.signal?.addEventListener('abort', abort, { once: true });
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          killGroup(child.pid);
        }, options.timeoutMs);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', (error) => {
        reject(
          new SdmeError('process.failed', `cannot run ${program}`, { cause: error, facts: { program } }),
        );
      });
      child.once('close', (exit, by) => resolve([exit, by]));
    });
    options.signal?.throwIfAborted();
    if (timedOut) {
      const seconds = (options.timeoutMs ?? 0) / 1000;
      throw new SdmeError('process.failed', `${program} did not end within ${seconds} s`, {
        facts: { program },
      });
    }
    if (code !== null && (options.accept ?? [0]).includes(code))
      return { code, stdout: stdout(), stderr: stderr() };
    const ending = code === null ? `was ended by ${signal ?? 'a signal'}` : `exited with code ${code}`;
    const said = tail(stderr()) || tail(stdout());
    throw new SdmeError('process.failed', `${program} ${ending}${said === '' ? '' : `: ${said}`}`, {
      facts: { program, ...(code === null ? { signal: signal ?? '' } : { code }) },
    });
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
    // Whatever the program left running in its group ends with it.
    killGroup(child.pid);
  }
}
