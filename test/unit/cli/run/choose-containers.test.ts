import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { chooseContainers } from '../../../../src/cli/run/choose-containers.ts';
import { eachName } from '../../../../src/cli/run/each-name.ts';
import { cliSession } from '../../../helpers/cli-session.ts';
import { type FakeOutput, fakeOutput } from '../../../helpers/fake-output.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

/** What is done to which containers, of those there are, when somebody names them so. */
async function doneTo(
  existing: readonly string[],
  typed: readonly string[],
): Promise<{ readonly done: string[]; readonly failed: boolean; readonly output: FakeOutput }> {
  await using directory = await tempDir();
  const output = fakeOutput();
  await using session = cliSession({ directory: directory.path, output });
  const { stateDir } = await session.layout();
  await mkdir(stateDir, { recursive: true });
  for (const name of existing) await writeFile(`${stateDir}/${name}`, `NAME=${name}\nROOTFS=\n`);
  const targets = await chooseContainers(session, typed, { wanted: false });
  const done: string[] = [];
  const words = { doing: 'removing', done: 'removed' };
  const failed = await eachName(session, targets, words, async (name) => done.push(name) > 0).then(
    () => false,
    () => true,
  );
  return { done, failed, output };
}

describe('containers that are named', () => {
  test('what means no container is reported in its turn, and the others are done', async () => {
    const { done, failed, output } = await doneTo(['db', 'web', 'web2'], ['d', 'nope', 'we', 'web2']);
    assert.deepEqual([done, failed], [['db', 'web2'], true]);
    assert.deepEqual(output.notes, [
      "removing 'db'",
      "error: nope: no container found matching 'nope'",
      "error: we: ambiguous name 'we', could match: web, web2",
      "removing 'web2'",
    ]);
  });

  test('one that is named twice is done once', async () => {
    const { done, failed } = await doneTo(['db', 'web'], ['web', 'w', 'db', 'web']);
    assert.deepEqual([done, failed], [['web', 'db'], false]);
  });

  test('nobody, or all and one by name, is no way to call a verb', async () => {
    await using directory = await tempDir();
    await using session = cliSession({ directory: directory.path });
    await assert.rejects(chooseContainers(session, [], { wanted: false }), { code: 'usage' });
    await assert.rejects(chooseContainers(session, ['web'], { wanted: true }), { code: 'usage' });
  });
});
