import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { blocksOf, readPage } from '../../helpers/page-blocks.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

const pages = ['README.md', 'docs/jobs.md'];

/** A program of what a page shows, with the client that it takes as given. */
function programOf(text: string): string {
  return text.includes('createClient')
    ? text
    : `import type { Client } from 'sdme';\ndeclare const client: Client;\n${text}`;
}

test('every program that a page shows compiles for a user of the package', async () => {
  await using directory = await tempDir();
  await mkdir(`${directory.path}/node_modules/@types`, { recursive: true });
  await symlink(resolve('.'), `${directory.path}/node_modules/sdme`);
  await symlink(resolve('node_modules/@types/node'), `${directory.path}/node_modules/@types/node`);
  const files: string[] = [];
  for (const page of pages) {
    const programs = blocksOf(readPage(page)).filter(({ language }) => language === 'ts');
    assert.ok(programs.length > 0, page);
    for (const { text } of programs) {
      files.push(`program-${files.length}.ts`);
      await writeFile(`${directory.path}/${files.at(-1)}`, programOf(text));
    }
  }
  const options = {
    noEmit: true,
    noUnusedLocals: false,
    composite: false,
    declaration: false,
    emitDeclarationOnly: false,
  };
  await writeFile(`${directory.path}/package.json`, '{"type": "module"}');
  await writeFile(
    `${directory.path}/tsconfig.json`,
    JSON.stringify({ extends: resolve('src/tsconfig.base.json'), compilerOptions: options, files }),
  );
  const said = await promisify(execFile)('node_modules/.bin/tsc', ['-p', directory.path]).catch(
    (error: { stdout: string }) => error,
  );
  assert.equal(said.stdout, '');
});
