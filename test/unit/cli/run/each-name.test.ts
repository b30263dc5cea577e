import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SdmeError } from '../../../../src/base/errors.ts';
import { confirmRemoval } from '../../../../src/cli/run/confirm.ts';
import { eachName } from '../../../../src/cli/run/each-name.ts';
import { cliSession, fakeInterrupt } from '../../../helpers/cli-session.ts';
import { fakeOutput } from '../../../helpers/fake-output.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

const words = { doing: 'starting', done: 'started' };

describe('eachName', () => {
  test('says what it begins, prints what it did, reports what failed, and goes on', async () => {
    await using directory = await tempDir();
    const output = fakeOutput();
    await using session = cliSession({ directory: directory.path, output });
    const work = eachName(session, ['a', 'b', 'c'], words, async (name) => {
      if (name === 'b') throw new SdmeError('in-use', 'it is in use', { cause: new Error('by c') });
      return true;
    });
    await assert.rejects(work, /some containers could not be started/);
    assert.deepEqual(output.results, ['a', 'c']);
    assert.deepEqual(output.notes, [
      "starting 'a'",
      "starting 'b'",
      'error: b: it is in use: by c',
      "starting 'c'",
    ]);
  });

  test('an interrupt leaves the remaining ones untouched', async () => {
    await using directory = await tempDir();
    const [output, interrupt] = [fakeOutput(), fakeInterrupt()];
    await using session = cliSession({ directory: directory.path, output, interrupt });
    const work = eachName(session, ['a', 'b'], words, async () => {
      interrupt.press();
      return true;
    });
    await assert.rejects(work, { code: 'job.cancelled' });
    assert.deepEqual(output.notes, ["starting 'a'"]);
  });
});

describe('confirmRemoval', () => {
  const cases: readonly (readonly [answer: string | undefined, force: boolean, goesOn: boolean | 'error'])[] =
    [
      [undefined, true, true],
      [undefined, false, 'error'],
      ['y', false, true],
      ['Yes', false, true],
      ['', false, false],
      ['n', false, false],
    ];
  for (const [answer, force, goesOn] of cases) {
    test(`answer ${answer ?? 'of nobody'}${force ? ' with -f' : ''}: ${goesOn}`, async () => {
      await using directory = await tempDir();
      const output = fakeOutput(answer === undefined ? {} : { answer });
      await using session = cliSession({ directory: directory.path, output });
      const asked = confirmRemoval(session, ['a'], force);
      if (goesOn === 'error') {
        await assert.rejects(asked, { message: 'use -f to confirm removal in non-interactive mode' });
      } else assert.equal(await asked, goesOn);
      assert.equal(output.notes.includes('aborted'), goesOn === false);
    });
  }

  test('with -v nobody is asked', async () => {
    await using directory = await tempDir();
    const output = fakeOutput({ answer: 'y' });
    await using session = cliSession({ directory: directory.path, output, verbose: true });
    await assert.rejects(confirmRemoval(session, ['a'], false), { code: 'interactive.required' });
  });
});
