import type { StdioOptions } from 'node:child_process';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Descriptor, owned } from '../descriptor.ts';
import { openPipe } from '../pipe.ts';
import type { Terminals } from './terminals.ts';

/** What a pipe holds at most where nobody raised the limit, in bytes (pipe(7), pipe-max-size). */
const pipeHolds = 1024 * 1024;

/** What goes to and fro between this process' standard streams and a program's. */
export interface Relay {
  /** The program's standard streams. */
  readonly stdio: StdioOptions;
  /** The program has been started: what is handed to it is closed here. */
  started(): void;
  /** Passes on what the program left in its pipes; whoever else still holds their other ends is not waited for. */
  end(): Promise<void>;
}

/** A stream of the program that is a pipe of ours. */
interface Passing {
  readonly theirs: Descriptor;
  end(): Promise<void>;
}

/**
 * Passes on until nothing comes any more, or `limit` bytes came: what a program wrote before it ended is there to be
 * read at once, but others may go on writing.
 */
export async function drain(stream: Readable, limit: number): Promise<void> {
  let came = true;
  let left = limit;
  stream.on('data', (chunk: Buffer) => {
    came = true;
    left -= chunk.length;
    if (left <= 0) stream.destroy();
  });
  while (came && left > 0) {
    came = false;
    // Two turns: the event loop may have asked for what is readable just before the first.
    await nextTurn();
    await nextTurn();
  }
  stream.destroy();
  // What could not be written of the last piece is said by now.
  await nextTurn();
}

function passOut(to: NodeJS.WriteStream): Passing {
  const { readEnd, writeEnd } = openPipe();
  const from = new Socket({ fd: readEnd, readable: true, writable: false });
  // A terminal that went away takes nothing; who writes on learns it as with the terminal itself.
  const close = (): void => void from.destroy();
  to.on('error', close);
  from.on('error', close).pipe(to, { end: false });
  return {
    theirs: owned(writeEnd),
    end: async () => {
      await drain(from, pipeHolds);
      to.off('error', close);
    },
  };
}

function passIn(from: NodeJS.ReadStream): Passing {
  const { readEnd, writeEnd } = openPipe();
  const to = new Socket({ fd: writeEnd, readable: false, writable: true });
  const close = (): void => void to.destroy();
  // A terminal that went away, and a program that reads no more.
  from.on('error', close);
  to.on('error', close);
  from.pipe(to);
  return {
    theirs: owned(readEnd),
    end: async () => {
      from.unpipe(to).pause().unref();
      close();
      from.off('error', close);
    },
  };
}

/** Puts pipes in place of the standard streams that are terminals; a job in the background has nothing to read. */
export function relayTerminals({ input, output, errors, inBackground }: Terminals): Relay {
  const passings = [
    input && !inBackground ? passIn(process.stdin) : undefined,
    output ? passOut(process.stdout) : undefined,
    errors ? passOut(process.stderr) : undefined,
  ];
  const [stdin, stdout, stderr] = passings.map((passing) => passing?.theirs.fd ?? 'inherit');
  return {
    stdio: [input && inBackground ? 'ignore' : stdin, stdout, stderr],
    started: () => {
      for (const passing of passings) passing?.theirs[Symbol.dispose]();
    },
    end: async () => void (await Promise.all(passings.map((passing) => passing?.end()))),
  };
}
