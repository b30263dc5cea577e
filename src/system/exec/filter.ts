import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { PassThrough, type Readable } from 'node:stream';
import { SdmeError } from '../../base/errors.ts';
import { plainEnvironment, run } from './run.ts';

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
  /** Waits for the program's end. @throws SdmeError `process.failed` with what it said; the signal's reason */
  check(): Promise<void>;
}

/** A filter whose output this process reads. Its end says nothing about success; `check` does. */
export interface StreamFilter extends Filter {
  readonly output: Readable;
}

/** A filter whose output another process reads, from the pipe `output`. */
export interface PipeFilter extends Filter {
  readonly output: FileHandle;
}

const nobody = '65534';

function start(
  program: string,
  args: readonly string[],
  { input, memory }: FilterOptions,
  output: number | 'pipe',
): ChildProcess {
  const confine = [
    ...['--reuid', nobody, '--regid', nobody, '--clear-groups', '--no-new-privs'],
    ...['--inh-caps=-all', '--bounding-set=-all', '--pdeathsig', 'KILL', '--'],
    ...['prlimit', `--as=${memory}`, '--core=0', '--nofile=32', '--'],
  ];
  return spawn('setpriv', [...confine, program, ...args], {
    cwd: '/',
    env: { ...plainEnvironment },
    stdio: [input, output, 'pipe'],
  });
}

/** Follows a started program to its end; `release` runs after it. */
function follow(
  child: ChildProcess,
  program: string,
  signal: AbortSignal,
  release: () => Promise<void>,
): Filter {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-2048);
  });
  const abort = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', abort, { once: true });
  // Not `close`: that waits for the output to be read, and nobody reads on after a failure.
  const lastWords = new Promise<void>((resolve) => void child.stderr?.once('close', resolve));
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(`cannot be run: ${error.message}`));
    child.once('exit', async (code, by) => {
      await lastWords;
      const how = code === null ? `was ended by ${by ?? 'a signal'}` : `exited with code ${code}`;
      const detail = said.trim().split('\n').at(-1) ?? '';
      resolve(code === 0 ? undefined : `${how}${detail === '' ? '' : `: ${detail}`}`);
    });
  });
  return {
    check: async () => {
      const problem = await ended;
      signal.throwIfAborted();
      if (problem !== undefined) {
        throw new SdmeError('process.failed', `${program} ${problem}`, { facts: { program } });
      }
    },
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener('abort', abort);
      child.kill('SIGKILL');
      await ended;
      await release();
    },
  };
}

/**
 * Starts a program on bytes of strangers: as nobody, without capabilities or a way to gain any, with little
 * memory and few open files. The kernel ends it when this process dies.
 */
export function startFilter(program: string, args: readonly string[], options: FilterOptions): StreamFilter {
  options.signal.throwIfAborted();
  const child = start(program, args, options, 'pipe');
  const { stdout } = child;
  if (stdout === null) throw new SdmeError('internal', 'a child without pipes');
  // Taken over at once: Node throws away the output of a program that ends before anybody reads it.
  const output = new PassThrough();
  stdout.once('error', (error) => void output.destroy(error));
  stdout.pipe(output);
  const release = async (): Promise<void> => {
    stdout.destroy();
    output.destroy();
  };
  return { output, ...follow(child, program, options.signal, release) };
}

/**
 * As {@link startFilter}, but the output goes into a pipe that is handed to another process as a descriptor.
 * `directory` takes the pipe's name for a moment; nobody else may write there.
 */
export async function startPipeFilter(
  program: string,
  args: readonly string[],
  options: FilterOptions & { readonly directory: string },
): Promise<PipeFilter> {
  const path = `${options.directory}/pipe`;
  await run('mkfifo', ['--mode=600', path], { signal: options.signal });
  // Opened for both first: a fifo that has a writer can be opened for reading without waiting, fifo(7).
  const both = await open(path, constants.O_RDWR);
  try {
    const output = await open(path, constants.O_RDONLY);
    await rm(path);
    const child = start(program, args, options, both.fd);
    return { output, ...follow(child, program, options.signal, () => output.close()) };
  } finally {
    await both.close();
  }
}
