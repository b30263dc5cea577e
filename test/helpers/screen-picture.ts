// A control sequence (its number, its letter) or one character.
const tokens = /(\p{Cc}\[(\??\d*)([A-Za-z]))|./gsu;

/**
 * What a terminal of `columns` by `rows` shows after it got `text`: just the sequences our own screen writes. Lines
 * that scrolled off the top are kept in front, so that a picture drawn too tall shows as a double.
 */
export function screenPicture(
  text: string,
  columns: number,
  rows: number,
): { lines: string[]; cursor: boolean } {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  let cursor = true;
  const newLine = (): void => {
    row += 1;
    column = 0;
    if (lines.length <= row) lines.push('');
  };
  const top = (): number => Math.max(0, lines.length - rows);
  for (const [token, , amount = '1', order] of text.matchAll(tokens)) {
    if (order === 'A') row = Math.max(top(), row - Number(amount));
    else if (order === 'K') lines[row] = '';
    else if (order === 'J') lines.splice(row, lines.length, (lines[row] ?? '').slice(0, column));
    else if (order === 'h' || order === 'l') cursor = order === 'h';
    else if (token === '\n') newLine();
    else if (token === '\r') column = 0;
    else {
      if (column === columns) newLine();
      const line = (lines[row] ?? '').padEnd(column);
      lines[row] = line.slice(0, column) + token + line.slice(column + 1);
      column += 1;
    }
  }
  return { lines: lines.filter((line, index) => line !== '' || index < lines.length - 1), cursor };
}
