import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { SdmeError } from '../../base/errors.ts';
import { relayTerminals } from './relay.ts';
import { standardTerminals } from './terminals.ts';

const noTerminals = { input: false, output: false, errors: false, inBackground: false };

/**
 * Runs a program on this process' own standard streams and terminal, and waits for its end. Signals that a
 * terminal sends reach the program by themselves; those sent to this process alone are passed on.
 *
 * With `keepTerminals` none of them that is a terminal is handed to the program: we pass on what goes through it. Who
 * holds a terminal's descriptor may read what is typed there long after, from wherever it got to.
 *
 * @returns its exit code, or 128 plus the signal that ended it
 * @throws SdmeError `process.failed` when it cannot be started
 */
export async function runInteractive(
  program: string,
  args: readonly string[],
  { keepTerminals = false }: { readonly keepTerminals?: boolean } = {},
): Promise<number> {
  const relay = relayTerminals(keepTerminals ? standardTerminals() : noTerminals);
  const child = spawn(program, [...args], { stdio: relay.stdio });
  relay.started();
  const ignore = (): void => {};
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', ignore).on('SIGQUIT', ignore).on('SIGTERM', passOn).on('SIGHUP', passOn);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', (cause) => {
        reject(new SdmeError('process.failed', `cannot run ${program}`, { cause, facts: { program } }));
      });
      child.once('exit', (exit, by) => resolve([exit, by]));
    });
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } finally {
    // From here on a signal ends us, whatever is still to be passed on.
    process.off('SIGINT', ignore).off('SIGQUIT', ignore).off('SIGTERM', passOn).off('SIGHUP', passOn);
    await relay.end();
  }
}
