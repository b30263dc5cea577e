import type { Output } from '../../src/cli/output/output.ts';

/** An output whose lines can be read. */
export interface FakeOutput extends Output {
  readonly results: string[];
  readonly notes: string[];
  readonly drawn: string[];
}

/** An {@link FakeOutput}; by default neither end is a terminal and nobody can be asked. */
export function fakeOutput(
  options: {
    readonly terminal?: boolean;
    readonly columns?: number;
    readonly rows?: number;
    /** What the person answers; without it nobody can be asked. */
    readonly answer?: string;
  } = {},
): FakeOutput {
  const results: string[] = [];
  const notes: string[] = [];
  const drawn: string[] = [];
  const terminal = options.terminal ?? false;
  return {
    results,
    notes,
    drawn,
    result: (line) => void results.push(line),
    note: (line) => void notes.push(line),
    draw: (text) => void drawn.push(text),
    isTerminal: terminal,
    resultIsTerminal: terminal,
    canAsk: options.answer !== undefined,
    size: () => ({ columns: options.columns ?? 80, rows: options.rows ?? 24 }),
    ask: async (question) => {
      notes.push(question);
      return options.answer ?? '';
    },
  };
}
