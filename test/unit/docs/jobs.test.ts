import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorRows, kindRows } from './job-tables.ts';

const page = readFileSync(new URL('../../../docs/jobs.md', import.meta.url), 'utf8').split('\n');

function rowsUnder(header: string): string[] {
  const start = page.findIndex((line) => line.startsWith(header));
  assert.ok(start >= 0, `docs/jobs.md has the table ${header}`);
  const rows = page.slice(start + 2);
  return rows.slice(
    0,
    rows.findIndex((line) => !line.startsWith('|')),
  );
}

test('docs/jobs.md lists every kind of job as its contract has it', () => {
  assert.deepEqual(rowsUnder('| kind |'), kindRows());
});

test('docs/jobs.md lists every error code of the catalogue', () => {
  assert.deepEqual(rowsUnder('| code |'), errorRows());
});
