import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine } from '../../../src/cli/program.ts';
import { blocksOf, readPage } from '../../helpers/page-blocks.ts';
import { shellWords } from '../../helpers/shell-words.ts';
import { exitCodeRows, verbRows } from './cli-tables.ts';

const page = readPage('docs/cli.md').split('\n');

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
function commandLines(path: string): string[] {
  const shown = /(?:^|[\s(&|;])(?:\.\/)?sdme (.+?)(?:\)|\s+#.*|\s+[&|;<>].*)?$/gm;
  return blocksOf(readPage(path))
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => [...text.matchAll(shown)].map(([, command = '']) => command));
}

for (const name of ['docs/cli.md', 'docs/import.md', 'docs/workloads.md', 'README.md']) {
  test(`every command that ${name} shows is understood`, () => {
    const commands = commandLines(name);
    assert.ok(commands.length > 5, 'it shows commands');
    for (const command of commands) {
      const parsed = parseCommandLine(shellWords(command), 'sdme 0');
      assert.ok(parsed.kind === 'call' || parsed.code === 0, command);
    }
  });
}
