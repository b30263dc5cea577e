import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const boot = join(import.meta.dirname, '../test/host/boot');

/** Runs a command to its end. @returns its standard output, trimmed @throws Error when it fails */
export function must(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
  return stdout.trim();
}

/** A test host that stays for many commands. */
export interface TestHost extends Disposable {
  /** Runs a command in it. @returns its standard output, trimmed */
  readonly inside: (...command: readonly string[]) => string;
}

/** Boots one that sees `directory`, with the store of `sdme` in it. */
export function bootTestHost(directory: string): TestHost {
  const host = must(boot, 'start', '--bind', directory);
  const env = ['--env', `SDME_DATADIR=${join(directory, 'data')}`];
  return {
    inside: (...command) => must(boot, 'exec', ...env, host, '--', ...command),
    [Symbol.dispose]: () => void must(boot, 'stop', host),
  };
}
