import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What goes to and fro between this process' standard streams and those of a child that are pipes. */
export interface Relay {
  /** Passes on what the child left in its pipes; whoever else still holds their other ends is not waited for. */
  end(): Promise<void>;
}

/** Passes on until nothing comes any more: what a child wrote before it ended is there to be read at once. */
async function drain(stream: Readable): Promise<void> {
  let came = true;
  const note = (): void => {
    came = true;
  };
  stream.on('data', note);
  while (came) {
    came = false;
    // Two turns: the event loop may have asked for what is readable just before the first.
    await nextTurn();
    await nextTurn();
  }
  stream.destroy();
}

/** Passes bytes on between this process' standard streams and those of `child` that are pipes of ours. */
export function relayStreams({ stdin, stdout, stderr }: ChildProcess): Relay {
  if (stdin !== null) {
    // A program that reads no more, or ended.
    stdin.on('error', () => {});
    process.stdin.pipe(stdin);
  }
  stdout?.pipe(process.stdout, { end: false });
  stderr?.pipe(process.stderr, { end: false });
  return {
    end: async () => {
      if (stdin !== null) process.stdin.unpipe(stdin).pause().unref();
      await Promise.all([stdout, stderr].map((stream) => (stream === null ? undefined : drain(stream))));
    },
  };
}
