import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Capability, setprivList } from '../capabilities.ts';
import { nodeEnvironment } from './run.ts';
import { shellCommand } from './shell-command.ts';

/** How a program of ours is run in a process with few privileges. */
export interface ConfinedNodeOptions {
  /** Path of the program's module. */
  readonly entry: string;
  /** Its only argument. */
  readonly argument: string;
  /** What it may have at most; all of its threads begin with these. */
  readonly capabilities: readonly Capability[];
  /** Limit of V8's heap, in MiB. */
  readonly heap: number;
  /** A descriptor that the child finds as 3. */
  readonly socket?: number;
  /** Arguments of mount(8), for mounts that only the child sees and that end with it. */
  readonly mounts?: readonly (readonly string[])[];
  /** Called with each line of its standard output. */
  readonly onLine: (line: string) => void;
}

/** The process, which dies with this one. */
export interface ConfinedNode {
  /**
   * How it ended, in words, with the end of what it wrote to standard error; settles once its output is closed.
   * Never rejects.
   */
  readonly ended: Promise<string>;
  /** Sends SIGKILL, if it still runs. */
  kill(): void;
}

/** Arguments of setpriv(1) to make mounts in a namespace of their own first, and to run setpriv(1) again there. */
function behindMounts(mounts: readonly (readonly string[])[], confined: readonly string[]): string[] {
  const commands = mounts.map((args) => shellCommand(['mount', ...args]));
  const script = [...commands, 'exec setpriv "$@"'].join(' && ');
  const namespace = ['unshare', '--mount', '--propagation', 'private', '--', '/bin/sh', '-c', script, 'sh'];
  return ['--pdeathsig', 'KILL', '--', ...namespace, ...confined];
}

/**
 * Starts a Node.js program with this runtime under setpriv(1): few capabilities, no new privileges, killed with its
 * parent. It has a lower priority and sees none of our environment.
 */
export function startConfinedNode(options: ConfinedNodeOptions): ConfinedNode {
  const privileges = [
    ['--pdeathsig', 'KILL'],
    ['--no-new-privs'],
    ['--bounding-set', setprivList(options.capabilities)],
    ['--inh-caps', '-all'],
    ['--ambient-caps', '-all'],
  ].flat();
  const program = [process.execPath, `--max-old-space-size=${options.heap}`, options.entry, options.argument];
  const confined = [...privileges, '--', ...program];
  const setpriv = options.mounts ? behindMounts(options.mounts, confined) : confined;
  // What takes long must not keep the worker, and through it a stop of a container, from the processor.
  const child = spawn('nice', ['--adjustment=5', 'setpriv', ...setpriv], {
    cwd: '/',
    env: { ...nodeEnvironment },
    stdio: ['ignore', 'pipe', 'pipe', options.socket ?? 'ignore'],
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-4096);
  });
  if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', options.onLine);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      // No other event follows when it could not be started.
      if (child.pid === undefined) resolve(`could not be started: ${error.message}`);
    });
    child.once('close', (code, signal) => {
      const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
      const tail = said.trim() === '' ? '' : `: ${said.trim().slice(-600)}`;
      resolve(`${how}${tail}`);
    });
  });
  return { ended, kill: () => void child.kill('SIGKILL') };
}
