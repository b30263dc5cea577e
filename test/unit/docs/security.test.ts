import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/security.md', root), 'utf8').split('\n');

/** The test that a cell of the page names: a file below `test`, and what the test is called. */
interface NamedTest {
  readonly file: string;
  readonly title: string;
}

/** The rows of claims, each with the tests that show it. */
function claims(): { readonly claim: string; readonly tests: readonly NamedTest[] }[] {
  const found: { claim: string; tests: NamedTest[] }[] = [];
  let inClaims = false;
  for (const line of page) {
    if (line === '| claim | shown by |') inClaims = true;
    else if (!line.startsWith('|')) inClaims = false;
    else if (inClaims && !line.startsWith('| ---')) {
      const [, claim = '', shownBy = ''] = /^\| (.+?) \| (.+) \|$/.exec(line) ?? [];
      const tests = shownBy.split('<br>').map((cell) => {
        const [, file = '', title = ''] = /^`([a-z/-]+)`: (.+)$/.exec(cell) ?? [];
        return { file, title };
      });
      found.push({ claim, tests });
    }
  }
  return found;
}

/** The titles of the tests of a file as the page writes them: what a test fills in is `…`. */
function titlesIn(file: string): string[] {
  const source = readFileSync(new URL(`test/${file}.test.ts`, root), 'utf8');
  return [...source.matchAll(/\btest\(\s*(['"`])((?:\\.|(?!\1).)*)\1/g)].map(([, , title = '']) =>
    title.replaceAll(/\\(.)/g, '$1').replaceAll(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, '…'),
  );
}

test('docs/security.md names for each claim a test that there is', () => {
  const all = claims();
  assert.ok(all.length > 40, `${all.length} claims`);
  for (const { claim, tests } of all) {
    assert.notEqual(claim, '', 'each row has a claim and its tests');
    for (const { file, title } of tests) {
      assert.ok(file !== '' && existsSync(new URL(`test/${file}.test.ts`, root)), `${claim}: ${file}`);
      assert.ok(titlesIn(file).includes(title), `${claim}: no test '${title}' in ${file}`);
    }
  }
});

test('docs/security.md names every escape that is tried', () => {
  const named = claims().flatMap(({ tests }) => tests);
  for (const title of titlesIn('host/escape')) {
    assert.ok(
      named.some((shown) => shown.file === 'host/escape' && shown.title === title),
      title,
    );
  }
});
