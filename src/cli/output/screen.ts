import type { Output } from './output.ts';

/** Lines at the bottom of the terminal that are drawn anew in place, with ordinary lines scrolling above. */
export interface Screen extends Disposable {
  /** Replaces what is drawn. */
  draw(lines: readonly string[]): void;
  /** Writes a line above what is drawn. */
  above(line: string): void;
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const clearLine = '\x1b[2K';
const clearBelow = '\x1b[0J';

/** A screen on the person's terminal; disposing takes the lines away and brings the cursor back. */
export function openScreen(output: Output): Screen {
  let drawn: readonly string[] = [];
  const up = (): string => (drawn.length === 0 ? '' : `\x1b[${drawn.length}A\r`);
  // Where process.exit ends us, the cursor must still come back.
  const restore = (): void => output.draw(showCursor);
  process.once('exit', restore);
  output.draw(hideCursor);
  const paint = (lines: readonly string[]): string => lines.map((line) => `${clearLine}${line}\n`).join('');
  return {
    draw: (lines) => {
      // One write for the whole picture, and each line is cleared as it is written: nothing flickers.
      output.draw(`${up()}${paint(lines)}${clearBelow}`);
      drawn = lines;
    },
    above: (line) => output.draw(`${up()}${clearLine}${line}\n${paint(drawn)}${clearBelow}`),
    [Symbol.dispose]: () => {
      output.draw(`${up()}${clearBelow}${showCursor}`);
      process.off('exit', restore);
      drawn = [];
    },
  };
}
