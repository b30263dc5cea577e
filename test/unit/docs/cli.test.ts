import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseCommandLine } from '../../../src/cli/program.ts';
import { shellWords } from '../../helpers/shell-words.ts';
import { exitCodeRows, verbRows } from './cli-tables.ts';

const read = (page: string): string[] =>
  readFileSync(new URL(`../../../${page}`, import.meta.url), 'utf8').split('\n');
const page = read('docs/cli.md');

/** The rows of the first table behind a line. */
function rowsAfter(line: string): string[] {
  const start = page.indexOf(line);
  assert.ok(start >= 0, `docs/cli.md has the line ${line}`);
  const header = page.findIndex((text, index) => index > start && text.startsWith('| ---'));
  const rows = page.slice(header + 1);
  return rows.slice(
    0,
    rows.findIndex((text) => !text.startsWith('|')),
  );
}

for (const [title, rows] of verbRows()) {
  test(`docs/cli.md lists the verbs of "${title}" as the command line has them`, () => {
    assert.deepEqual(rowsAfter(`### ${title}`), rows);
  });
}

test('docs/cli.md lists every exit code', () => {
  assert.deepEqual(rowsAfter('## Exit codes'), exitCodeRows());
});

/** Command lines of sdme in a page's blocks of shell. */
function commandLines(lines: readonly string[]): string[] {
  let inBlock = false;
  const found: string[] = [];
  for (const line of lines) {
    if (line.startsWith('```')) inBlock = !inBlock;
    else if (inBlock) {
      for (const [, command = ''] of line.matchAll(
        /(?:^|[\s(&|;])(?:\.\/)?sdme (.+?)(?:\)|\s+#.*|\s+[&|;>].*)?$/g,
      )) {
        found.push(command);
      }
    }
  }
  return found;
}

for (const name of ['docs/cli.md', 'README.md']) {
  test(`every command that ${name} shows is understood`, () => {
    const commands = commandLines(read(name));
    assert.ok(commands.length > 10, 'it shows commands');
    for (const command of commands) {
      const parsed = parseCommandLine(shellWords(command), 'sdme 0');
      assert.ok(parsed.kind === 'call' || parsed.code === 0, command);
    }
  });
}
