import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { SdmeError } from '../../base/errors.ts';
import { plainEnvironment } from './run.ts';

/** How a filter is run. */
export interface FilterOptions {
  /** Open file descriptor the program reads as standard input. */
  readonly input: number;
  /** Address space the program may have, in bytes. */
  readonly memory: number;
  readonly signal: AbortSignal;
}

/** A program that turns its input into output, e.g. a decompressor. Disposing of it ends it. */
export interface Filter extends AsyncDisposable {
  /** What the program writes. Its end says nothing about success; {@link check} does. */
  readonly output: Readable;
  /** Waits for the program's end. @throws SdmeError `process.failed` with what it said */
  check(): Promise<void>;
}

const nobody = '65534';

/**
 * Starts a program on bytes of strangers: as nobody, without capabilities or a way to gain any, with little
 * memory and few open files. The kernel ends it when this process dies.
 */
export function startFilter(program: string, args: readonly string[], options: FilterOptions): Filter {
  options.signal.throwIfAborted();
  const confine = [
    ...['--reuid', nobody, '--regid', nobody, '--clear-groups', '--no-new-privs'],
    ...['--inh-caps=-all', '--bounding-set=-all', '--pdeathsig', 'KILL', '--'],
    ...['prlimit', `--as=${options.memory}`, '--core=0', '--nofile=32', '--'],
  ];
  const child = spawn('setpriv', [...confine, program, ...args], {
    cwd: '/',
    env: { ...plainEnvironment },
    stdio: [options.input, 'pipe', 'pipe'],
  });
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new SdmeError('internal', 'a child without pipes');
  let said = '';
  stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-2048);
  });
  const abort = (): void => void child.kill('SIGKILL');
  options.signal.addEventListener('abort', abort, { once: true });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(`cannot be run: ${error.message}`));
    child.once('close', (code, signal) => {
      const how = code === null ? `was ended by ${signal ?? 'a signal'}` : `exited with code ${code}`;
      const detail = said.trim().split('\n').at(-1) ?? '';
      resolve(code === 0 ? undefined : `${how}${detail === '' ? '' : `: ${detail}`}`);
    });
  });
  return {
    output: stdout,
    check: async () => {
      const problem = await ended;
      options.signal.throwIfAborted();
      if (problem !== undefined) {
        throw new SdmeError('process.failed', `${program} ${problem}`, { facts: { program } });
      }
    },
    [Symbol.asyncDispose]: async () => {
      options.signal.removeEventListener('abort', abort);
      stdout.destroy();
      child.kill('SIGKILL');
      await ended;
    },
  };
}
