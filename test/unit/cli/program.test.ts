import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { buildProgram, type Call, parseCommandLine } from '../../../src/cli/program.ts';
import { verbs } from '../../../src/cli/verbs.ts';
import { shellWords } from '../../helpers/shell-words.ts';

/** The call that a command line is, or a failed test. */
function callOf(line: string): Call {
  const parsed = parseCommandLine(shellWords(line), 'sdme 0');
  return parsed.kind === 'call' ? parsed.call : assert.fail(`not understood: ${line}`);
}

describe('parseCommandLine', () => {
  const commands: readonly (readonly [line: string, user: string | undefined, command: readonly string[]])[] =
    [
      ['exec n CMD --opt', undefined, ['CMD', '--opt']],
      ['exec n -- CMD', undefined, ['CMD']],
      ['exec n -- CMD -- --user x', undefined, ['CMD', '--', '--user', 'x']],
      ['exec n --user u CMD --user v', 'u', ['CMD', '--user', 'v']],
      ['exec n --user=u -- --user', 'u', ['--user']],
      ['exec --user u n CMD', 'u', ['CMD']],
      ['exec --user u -- n CMD', 'u', ['CMD']],
      ['exec n -v', undefined, ['-v']],
      ['exec n --help', undefined, ['--help']],
      ['exec n ""', undefined, ['']],
    ];
  for (const [line, user, command] of commands) {
    test(`sdme ${line}: everything behind the name but the verb's own flags is the command`, () => {
      const call = callOf(line);
      assert.deepEqual([call.operands, call.options.user, call.command], [['n'], user, command]);
    });
  }

  test('logs gives its arguments to journalctl as they are', () => {
    assert.deepEqual(callOf('logs n -f -n 5').command, ['-f', '-n', '5']);
  });

  test('join takes its flags on either side of the name', () => {
    for (const line of ['join n --start -t 5 top -d 1', 'join --start -t 5 n -- top -d 1']) {
      const { operands, command, options } = callOf(line);
      assert.deepEqual(
        [operands, command, options],
        [['n'], ['top', '-d', '1'], { start: true, timeout: '5' }],
      );
    }
  });

  test('new takes a name before the dashes and a command behind them', () => {
    const { operands, command, options } = callOf('new web -r debian -- ls -r');
    assert.deepEqual([operands, command, options.fs], [['web'], ['ls', '-r'], 'debian']);
  });

  for (const line of [
    '-v --config F fs cache ls',
    'fs -v cache --config F ls',
    'fs cache ls --config F -v',
  ]) {
    test(`global flags may stand anywhere: sdme ${line}`, () => {
      const { verb, verbose, configFile, options } = callOf(line);
      assert.deepEqual([verb.words, verbose, configFile, options], ['fs cache ls', true, 'F', {}]);
    });
  }
});

describe('the help', () => {
  for (const verb of verbs) {
    test(`every example of \`sdme ${verb.words}\` is understood as that verb`, () => {
      assert.ok(verb.examples.length > 0, 'it has an example');
      for (const example of verb.examples) {
        assert.equal(callOf(example.replace(/^sdme /, '')).verb.words, verb.words, example);
      }
    });
  }

  test('every group shows an example of each of its verbs', () => {
    for (const group of buildProgram('sdme 0', () => {}).commands.filter(
      ({ commands }) => commands.length > 0,
    )) {
      let text = '';
      group.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
      const inGroup = verbs.filter(({ words }) => words.startsWith(`${group.name()} `));
      for (const { examples } of inGroup) assert.ok(text.includes(`\n  ${examples[0]}\n`), text);
    }
  });

  test('every example of the first page is understood', () => {
    let text = '';
    const program = buildProgram('sdme 0', () => {});
    program.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    const examples = [...text.matchAll(/^ {2}sdme (.*?)(?: {2,}.*)?$/gm)].map(([, line = '']) => line);
    assert.ok(examples.length >= 5, text);
    for (const example of examples) callOf(example);
  });
});

describe('sdme', () => {
  const run = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const child = execFile(process.execPath, ['src/cli/main.ts', ...args], (_, stdout, stderr) => {
        resolve({ code: child.exitCode ?? 255, stdout, stderr });
      });
    });

  test('--version, -V and version print one line', async () => {
    for (const flag of ['--version', '-V', 'version']) {
      const { code, stdout } = await run(flag);
      assert.equal(code, 0);
      assert.match(stdout, /^sdme \d+\.\d+\.\d+\n$/);
    }
  });

  for (const words of [
    [],
    ['fs'],
    ['fs', 'cache'],
    ['nope'],
    ['ps', '--nope'],
    ['fs', 'import'],
    ['exec', 'n', '--user'],
    ['help', 'nope'],
    ['help', 'fs', 'nope'],
  ]) {
    test(`usage: sdme ${words.join(' ')} says why on standard error and ends with 2`, async () => {
      const { code, stdout, stderr } = await run(...words);
      assert.deepEqual([code, stdout], [2, '']);
      assert.notEqual(stderr, '');
    });
  }

  for (const words of [
    ['--help'],
    ['fs', '--help'],
    ['fs', 'cache', '-h'],
    ['exec', '--help'],
    ['help'],
    ['help', 'fs'],
    ['help', 'fs', 'import'],
    ['help', 'exec'],
    ['batch', 'submit', '--help'],
  ]) {
    test(`sdme ${words.join(' ')} helps on standard output and ends with 0`, async () => {
      const { code, stdout, stderr } = await run(...words);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, /Usage: sdme/);
    });
  }

  test('help VERB and VERB --help are the same', async () => {
    const verb = ['fs', 'import'];
    assert.deepEqual(await run('help', ...verb), await run(...verb, '--help'));
  });

  test('a usage error says where the help is', async () => {
    const { stderr } = await run('fs', 'import');
    assert.equal(stderr, "error: missing required argument 'source'\nsee `sdme fs import --help`\n");
  });

  test('a reader that goes away is no error', async () => {
    const { stderr } = await new Promise<{ stderr: string }>((resolve) => {
      execFile('sh', ['-c', '"$0" src/cli/main.ts --help | true', process.execPath], (_, __, said) =>
        resolve({ stderr: said }),
      );
    });
    assert.equal(stderr, '');
  });
});
