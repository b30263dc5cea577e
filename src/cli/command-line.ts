import { toSdmeError } from '../base/errors.ts';
import { exitCodes } from './exit-codes.ts';
import { watchInterrupts } from './interrupt.ts';
import { errorText, errorTrace } from './output/error-text.ts';
import { type Output, processOutput } from './output/output.ts';
import { type Call, parseCommandLine } from './program.ts';
import { openSession } from './session.ts';
import { versionLine } from './version.ts';

/** Carries a call out and turns what it throws into a line and an exit code. */
async function carryOut(call: Call, output: Output): Promise<number> {
  using interrupt = watchInterrupts();
  if (process.geteuid?.() !== 0 && call.verb.withoutRoot !== true) {
    output.note('Error: sdme requires root privileges; run with sudo');
    return exitCodes.failure.code;
  }
  const { verbose, configFile } = call;
  await using session = openSession({ verbose, configFile, environment: process.env, output, interrupt });
  try {
    const { run } = await call.verb.load();
    const { operands, command, options } = call;
    const code = await run({ operands, command, options, session });
    return interrupt.exitCode() ?? code;
  } catch (thrown) {
    return report(thrown, verbose, interrupt.exitCode(), output.note);
  }
}

function report(
  thrown: unknown,
  verbose: boolean,
  interrupted: number | undefined,
  note: (line: string) => void,
): number {
  const error = toSdmeError(thrown);
  if (interrupted !== undefined && error.code === 'job.cancelled') {
    note(error.message === 'interrupted, exiting' ? error.message : `${error.message}; interrupted, exiting`);
    return interrupted;
  }
  note(`Error: ${errorText(error)}`);
  if (verbose) note(errorTrace(thrown));
  if (interrupted !== undefined) return interrupted;
  return error.code === 'usage' ? exitCodes.usage.code : exitCodes.failure.code;
}

/** Reads this process's command line and carries it out. @returns the exit code */
export async function main(): Promise<number> {
  // First of all, as help too may be piped into a reader that goes away.
  const output = processOutput(process.env);
  const parsed = parseCommandLine(process.argv.slice(2), versionLine());
  return parsed.kind === 'over' ? parsed.code : carryOut(parsed.call, output);
}
