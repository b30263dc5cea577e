import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { bashCompletion } from '../../../../src/cli/completion/bash.ts';
import { fishCompletion } from '../../../../src/cli/completion/fish.ts';
import { zshCompletion } from '../../../../src/cli/completion/zsh.ts';
import { shellWords } from '../../../helpers/shell-words.ts';
import { type TempDir, tempDir } from '../../../helpers/temp-dir.ts';

const run = promisify(execFile);

async function missing(shell: string): Promise<string | false> {
  const found = await run(shell, ['-c', 'true']).then(
    () => true,
    () => false,
  );
  return found ? false : `${shell} is not installed`;
}

const lacks = { bash: await missing('bash'), fish: await missing('fish'), zsh: await missing('zsh') };

/** A directory with a program `sdme` in `bin`, a store with two rootfs, and a file to complete. */
async function stage(): Promise<
  TempDir & { env: NodeJS.ProcessEnv; script(name: string, text: string): string }
> {
  const directory = await tempDir();
  const { path } = directory;
  for (const made of ['bin', 'work', 'data/fs/debian', 'data/fs/devuan', 'work/debian']) {
    mkdirSync(`${path}/${made}`, { recursive: true });
  }
  const main = new URL('../../../../src/cli/main.ts', import.meta.url).pathname;
  writeFileSync(`${path}/bin/sdme`, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, {
    mode: 0o755,
  });
  writeFileSync(`${path}/work/image list.txt`, '');
  const env = {
    PATH: `${path}/bin:${process.env.PATH}`,
    HOME: path,
    TERM: 'dumb',
    SDME_DATADIR: `${path}/data`,
    SDME_RUNDIR: `${path}/run`,
  };
  const script = (name: string, text: string): string => {
    writeFileSync(`${path}/${name}`, text);
    return `${path}/${name}`;
  };
  return { ...directory, env, script };
}

const lines: readonly (readonly [typed: string, offered: readonly string[]])[] = [
  ['sdme fs ca', ['cache']],
  ['sdme fs rm de', ['debian', 'devuan']],
  ['sdme create --fs deb', ['debian']],
  ['sdme fs import --oci-mode ', ['app', 'auto', 'base']],
  ['sdme ps --json', ['--json', '--json-pretty']],
  ['sdme batch submit ima', ['image list.txt']],
  ['sdme job show ', []],
];

describe('completion in a real shell', () => {
  let room: Awaited<ReturnType<typeof stage>>;
  before(async () => {
    room = await stage();
  });
  after(() => room[Symbol.asyncDispose]());
  const inShell = async (shell: string, ...args: string[]): Promise<string[]> => {
    const { stdout } = await run(shell, args, { env: room.env, cwd: `${room.path}/work` });
    return stdout.split('\n').filter((line) => line !== '');
  };

  test('bash', { skip: lacks.bash }, async () => {
    const script = room.script('completion.bash', bashCompletion());
    for (const [typed, offered] of lines) {
      const words = typed.split(' ').map((word) => `'${word}'`);
      const ask = [
        `source '${script}'`,
        'complete -p sdme >&2 || exit 1',
        `COMP_WORDS=(${words.join(' ')}) COMP_CWORD=${words.length - 1}`,
        '_sdme',
        `printf '%s\\n' "\${COMPREPLY[@]}"`,
      ];
      assert.deepEqual((await inShell('bash', '--norc', '-c', ask.join('\n'))).sort(), offered, typed);
    }
  });

  test('fish', { skip: lacks.fish }, async () => {
    const script = room.script('sdme.fish', fishCompletion());
    for (const [typed, offered] of lines) {
      const found = await inShell('fish', '--no-config', '-c', `source '${script}'; complete -C '${typed}'`);
      const words = found.map((line) => (line.split('\t')[0] ?? '').replaceAll('\\ ', ' '));
      assert.deepEqual(words.sort(), offered, typed);
    }
  });

  test('zsh', { skip: lacks.zsh }, async () => {
    const script = room.script('_sdme', zshCompletion());
    for (const [typed, offered] of lines) {
      // The functions that put matches on the screen are replaced by ones that print them.
      const ask = [
        'compdef() { : }',
        `_describe() { print -rl -- "\${(@)\${(P)2}%%:*}" }`,
        `_files() { print -rl -- \${words[CURRENT]}*(N) }`,
        `words=(${shellWords(typed)
          .map((word) => `'${word}'`)
          .join(' ')}${typed.endsWith(' ') ? " ''" : ''})`,
        `CURRENT=\${#words}`,
        `source '${script}'`,
        '_sdme',
      ];
      assert.deepEqual((await inShell('zsh', '-f', '-c', ask.join('\n'))).sort(), offered, typed);
    }
  });
});
