import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { parseCommandLine } from '../../../src/cli/program.ts';
import { verbGroups } from '../../../src/cli/verbs.ts';
import { blocksOf, readPage } from '../../helpers/page-blocks.ts';
import { shellWords } from '../../helpers/shell-words.ts';

/** Pages whose blocks of shell are about the checkout; those of sdme itself are run by test/host/docs.test.ts. */
const aboutCheckout = ['CONTRIBUTING.md', 'docs/benchmarks.md'];
const pages = ['README.md', ...readdirSync('docs').map((name) => `docs/${name}`), 'CONTRIBUTING.md'];

const verbs = verbGroups.flatMap((group) => group.verbs.map(({ words }) => words));

/** The labels of `case $VARIABLE in` in a shell script of the checkout. */
function labels(script: string, variable: string): string[] {
  const body = readPage(script).split(`case $${variable} in`)[1]?.split('esac')[0] ?? '';
  return [...body.matchAll(/^ {2,4}([a-z][a-z |]*)\)/gm)].flatMap(([, names = '']) => names.split(' | '));
}

/** What a command of the checkout names that is not there. */
function unknownIn(command: string): readonly string[] {
  const lacking = (names: readonly string[], there: readonly string[]): string[] =>
    names.filter((name) => !there.includes(name));
  const { scripts } = JSON.parse(readPage('package.json'));
  const words = shellWords(command.replace(/^pid=\$\((.*)\)$/, '$1')).filter(
    (word) => !/^[A-Z_]+=/.test(word),
  );
  const files = words.filter(
    (word) => word.includes('/') && !word.startsWith('docker.io/') && !existsSync(word),
  );
  const [program, verb = '', ...rest] = words;
  const names = verb === 'run' ? rest.slice(rest.indexOf('--') + 1) : [];
  switch (program) {
    case 'npm': {
      const script = verb === 'run' ? (rest[0] ?? '') : verb;
      const benches =
        script === 'bench' && rest[1] === '--' ? lacking(names, labels('bench/run', 'name')) : [];
      return [...lacking([script], Object.keys(scripts)), ...benches, ...files];
    }
    case '.ci/test':
      return [...lacking([verb, ...rest], labels('.ci/test', 'name')), ...files];
    case 'test/host/boot':
    case 'test/vm/boot':
      return [...lacking([verb], labels(program, 'verb')), ...files];
    default:
      return [program ?? '', ...files];
  }
}

function commandsOf(page: string): string[] {
  return blocksOf(readPage(page))
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, ''))
    .filter((line) => line !== '');
}

for (const page of aboutCheckout) {
  test(`every command that ${page} shows names what is there`, () => {
    const commands = commandsOf(page);
    assert.ok(commands.length > 2, 'it shows commands');
    for (const command of commands) assert.deepEqual(unknownIn(command), [], command);
  });
}

test('the two commands of README.md are there', () => {
  for (const command of commandsOf('README.md').slice(0, 2))
    assert.deepEqual(unknownIn(command), [], command);
});

for (const page of pages) {
  test(`every command that ${page} names in its text is understood`, () => {
    for (const [, text = ''] of readPage(page).matchAll(/`(?:\.\/)?sdme ([a-z-][^`<[]*)`/g)) {
      // A verb by itself is its name.
      if (verbs.includes(text)) continue;
      const parsed = parseCommandLine(shellWords(text), 'sdme 0');
      assert.ok(parsed.kind === 'call' || parsed.code === 0, `sdme ${text}`);
    }
    for (const [, text = ''] of readPage(page).matchAll(/`(npm (?:run|test)[^`]*)`/g))
      assert.deepEqual(unknownIn(text.replace(/ \[.*\]$/, '')), [], text);
    for (const [, text = ''] of readPage(page).matchAll(
      /`((?:src|test|jobs|workers|bench|\.ci|docs)\/[\w./-]*)`/g,
    ))
      assert.ok(existsSync(text), `${text} is there`);
  });
}
