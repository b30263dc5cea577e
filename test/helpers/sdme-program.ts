import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Layout } from '../../src/base/paths.ts';
import { waitFor } from './wait-for.ts';

/** How a call of the command line ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A call of the command line that is under way. */
export interface RunningSdme {
  readonly ended: Promise<Ended>;
  /** Waits until standard error matches. */
  says(pattern: RegExp): Promise<void>;
  signal(name: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void;
}

/** The command line over the store of a test, called as scripts call it: without a terminal. */
export interface SdmeProgram {
  start(args: readonly string[], input?: string): RunningSdme;
  run(...args: string[]): Promise<Ended>;
  /** Runs it and fails unless it ends with 0. @returns standard output without its last newline */
  ok(...args: string[]): Promise<string>;
}

function end(child: ChildProcess, stdout: Promise<string>, stderr: () => string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === null) reject(new Error(`sdme was ended by ${signal}: ${stderr()}`));
      else stdout.then((out) => resolve({ code, stdout: out, stderr: stderr() }), reject);
    });
  });
}

/** The program of this checkout. `more`: variables of its environment. */
export function sdmeProgram(layout: Layout, more: NodeJS.ProcessEnv = {}): SdmeProgram {
  const env = { ...process.env, ...more, SDME_DATADIR: layout.dataDir, SDME_RUNDIR: layout.runtimeDir };
  const start = (args: readonly string[], input = ''): RunningSdme => {
    const child = spawn('./sdme', args, { env });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      said += part;
    });
    child.stdin.on('error', () => {}).end(input);
    return {
      ended: end(child, text(child.stdout), () => said),
      says: async (pattern) => void (await waitFor(String(pattern), () => pattern.test(said), 60_000)),
      signal: (name) => void child.kill(name),
    };
  };
  const run = (...args: string[]): Promise<Ended> => start(args).ended;
  return {
    start,
    run,
    ok: async (...args) => {
      const { code, stdout, stderr } = await run(...args);
      if (code !== 0) throw new Error(`sdme ${args.join(' ')} ended with ${code}: ${stderr}`);
      return stdout.replace(/\n$/, '');
    },
  };
}
