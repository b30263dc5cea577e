import type { JobRecord, LogLine } from '../../contracts/index.ts';
import { barLines } from './bars.ts';
import type { Output, TerminalSize } from './output.ts';
import { nothingSaid, plainLines } from './plain-progress.ts';
import { printable } from './printable.ts';
import { openScreen } from './screen.ts';

/** Shows a job while it runs. Disposing leaves the terminal as it was. */
export interface JobRenderer extends Disposable {
  record(record: JobRecord): void;
  log(line: LogLine): void;
  /** A line of our own: above the bars where there are any. */
  note(line: string): void;
}

/** True for a line that a program in a tree wrote, such as a package manager; shown only with `-v`. */
function isProgramOutput(line: LogLine): boolean {
  return line.fields?.stream !== undefined;
}

function titleOf(record: JobRecord): string {
  return record.subject === '-' ? record.kind : `${record.kind} ${record.subject}`;
}

/** The picture of a job: its bars, and below them what it waits for. Fits on the terminal. */
export function jobLines(record: JobRecord, { columns, rows }: TerminalSize): string[] {
  const state = stateLine(record)?.slice(0, Math.max(1, columns - 1));
  const lines = barLines(titleOf(record), record.progress, { columns, rows: rows - 1 });
  return state === undefined ? lines : [...lines, state];
}

function stateLine({ state, waitingFor }: JobRecord): string | undefined {
  if (state === 'waiting') return `  waiting for ${printable(waitingFor ?? 'its turn')}`;
  return state === 'cancelling' ? '  cancelling' : undefined;
}

/** Live bars on a terminal. A job that is over within a moment draws nothing. */
function terminalRenderer(output: Output): JobRenderer {
  let screen: ReturnType<typeof openScreen> | undefined;
  const note = (line: string): void => (screen === undefined ? output.note(line) : screen.above(line));
  return {
    record: (record) => {
      const worthDrawing = record.progress.items.length > 0 || record.state === 'waiting';
      if (screen === undefined && !worthDrawing) return;
      screen ??= openScreen(output);
      screen.draw(jobLines(record, output.size()));
    },
    log: (line) => note(printable(line.message)),
    note,
    [Symbol.dispose]: () => screen?.[Symbol.dispose](),
  };
}

/** Lines for pipes and files. */
function lineRenderer(output: Output): JobRenderer {
  let said = nothingSaid;
  return {
    record: (record) => {
      const next = plainLines(record, said, Date.now());
      for (const line of next.lines) output.note(line);
      said = next.said;
    },
    log: (line) => output.note(printable(line.message)),
    note: output.note,
    [Symbol.dispose]: () => {},
  };
}

/** The renderer that fits the output. */
export function renderJob(output: Output, verbose: boolean): JobRenderer {
  const renderer = output.isTerminal && !verbose ? terminalRenderer(output) : lineRenderer(output);
  return {
    ...renderer,
    log: (line) => {
      if (verbose || !isProgramOutput(line)) renderer.log(line);
    },
  };
}
