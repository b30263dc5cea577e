import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { SdmeError } from '../../base/errors.ts';
import { relayTerminals } from './relay.ts';
import { standardTerminals } from './terminals.ts';

const noTerminals = { input: false, output: false, errors: false, inBackground: false };

/** How a program is run on our standard streams. */
export interface InteractiveOptions {
  /** Variables of the program's environment besides ours. */
  readonly variables?: Readonly<Record<string, string>>;
  /**
   * None of the streams that is a terminal is handed to the program: we pass on what goes through it. Who holds a
   * terminal's descriptor may read what is typed there long after, from wherever it got to.
   */
  readonly keepTerminals?: boolean;
  /**
   * Sends a signal to what the program started elsewhere. The program is kept from those of a terminal, and is sent
   * what cannot be sent there, and all that come after the first.
   */
  readonly signalElsewhere?: ((signal: NodeJS.Signals) => Promise<unknown>) | undefined;
}

/**
 * Runs a program on this process' own standard streams and terminal, and waits for its end. Signals that a
 * terminal sends reach the program by themselves; those sent to this process alone are passed on.
 *
 * @returns its exit code, or 128 plus the signal that ended it, or that was sent elsewhere when the code is 0
 * @throws SdmeError `process.failed` when it cannot be started
 */
export async function runInteractive(
  program: string,
  args: readonly string[],
  { variables, keepTerminals = false, signalElsewhere }: InteractiveOptions = {},
): Promise<number> {
  const relay = relayTerminals(keepTerminals ? standardTerminals() : noTerminals);
  const detached = signalElsewhere !== undefined;
  const child = spawn(program, [...args], {
    stdio: relay.stdio,
    env: { ...process.env, ...variables },
    detached,
  });
  relay.started();
  let sent: NodeJS.Signals | undefined;
  const passOn = (signal: NodeJS.Signals): void => {
    if (signalElsewhere === undefined || sent !== undefined) child.kill(signal);
    else signalElsewhere(signal).catch(() => child.kill(signal));
    sent ??= signal;
  };
  const typed = detached ? passOn : (): void => {};
  process.on('SIGINT', typed).on('SIGQUIT', typed).on('SIGTERM', passOn).on('SIGHUP', passOn);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', (cause) => {
        reject(new SdmeError('process.failed', `cannot run ${program}`, { cause, facts: { program } }));
      });
      child.once('exit', (exit, by) => resolve([exit, by]));
    });
    const by = signal ?? (detached && code === 0 ? sent : undefined);
    return by === undefined ? (code ?? 128) : 128 + constants.signals[by];
  } finally {
    // From here on a signal ends us, whatever is still to be passed on.
    process.off('SIGINT', typed).off('SIGQUIT', typed).off('SIGTERM', passOn).off('SIGHUP', passOn);
    await relay.end();
  }
}
