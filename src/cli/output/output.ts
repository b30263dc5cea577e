import { createInterface } from 'node:readline/promises';

/** Columns and rows of a terminal. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Where a verb writes: results to standard output, everything else to standard error (contract 1.1). */
export interface Output {
  /** A line of the result. */
  result(line: string): void;
  /** A line for the person. */
  note(line: string): void;
  /** Bytes to the person's terminal, for bars. */
  draw(text: string): void;
  /** Standard error is a terminal that can be drawn on. */
  readonly isTerminal: boolean;
  /** Standard output is a terminal. */
  readonly resultIsTerminal: boolean;
  readonly canAsk: boolean;
  size(): TerminalSize;
  /** Asks on the terminal; the empty answer at its end. */
  ask(question: string, signal: AbortSignal): Promise<string>;
}

/** Resolves once all that was printed has been taken by its readers, or they have gone. */
export async function written(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write('', () => resolve()));
  }
}

/** The output of this process. Whoever reads it, or its terminal, may go away: that is no error. */
export function processOutput(environment: NodeJS.ProcessEnv): Output {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== (stream.isTTY ? 'EIO' : 'EPIPE')) throw error;
    });
  const isTerminal = process.stderr.isTTY === true && environment.TERM !== 'dumb';
  return {
    result: (line) => {
      process.stdout.write(`${line}\n`);
    },
    note: (line) => {
      process.stderr.write(`${line}\n`);
    },
    draw: (text) => {
      process.stderr.write(text);
    },
    isTerminal,
    resultIsTerminal: process.stdout.isTTY === true,
    canAsk: process.stdin.isTTY === true,
    size: () => ({ columns: process.stderr.columns || 80, rows: process.stderr.rows || 24 }),
    ask: async (question, signal) => {
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await reader.question(question, { signal });
      } finally {
        reader.close();
      }
    },
  };
}
