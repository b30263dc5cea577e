import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { run as fsImport } from '../../../../src/cli/verbs/fs-import.ts';
import type { Answers } from '../../../helpers/cli-session.ts';
import { cliSession } from '../../../helpers/cli-session.ts';
import { type FakeOutput, fakeOutput } from '../../../helpers/fake-output.ts';
import { errorOf, jobRecordOf } from '../../../helpers/job-record.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

const refusal = 'dbus not found in rootfs and running non-interactively; re-run with --install-packages=yes';

/** Fails imports for want of D-Bus, as a job does, and keeps what was asked of it. */
function lacking(inputs: unknown[]): Answers {
  const error = { ...errorOf('rootfs.incomplete', refusal), facts: { missing: 'dbus' } };
  return {
    submit: async (_, input) => {
      inputs.push(input);
      return { id: '01JDZ3V8K6M2T0Q4R6W8Y0A2C4', existing: false };
    },
    watch: async function* () {
      yield { type: 'end', record: jobRecordOf({ state: 'failed', error }) };
    },
  };
}

async function importing(output: FakeOutput): Promise<{ inputs: unknown[]; error: Error }> {
  await using directory = await tempDir();
  const inputs: unknown[] = [];
  await using session = cliSession({
    directory: directory.path,
    configFile: '/dev/null',
    client: lacking(inputs),
    output,
  });
  const error: unknown = await fsImport({ operands: ['/srv/tree'], command: [], options: {}, session }).catch(
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Error);
  return { inputs, error };
}

describe('fs import of what cannot boot', () => {
  test('a person is asked, told what is missing, and not that nobody could be asked', async () => {
    const output = fakeOutput({ answer: 'n' });
    const { inputs, error } = await importing(output);
    assert.equal(inputs.length, 1);
    assert.match(output.notes.join('\n'), /dbus not found in rootfs.*\ninstall the packages\?/);
    assert.match(error.message, /^dbus not found in rootfs; re-run with --install-packages=yes or -f/);
    assert.doesNotMatch(output.notes.join('\n'), /non-interactively/);
  });

  test('a yes imports it again, with packages', async () => {
    const { inputs } = await importing(fakeOutput({ answer: 'y' }));
    assert.deepEqual(
      inputs.map((input) => Reflect.get(Object(input), 'installPackages')),
      ['auto', 'yes'],
    );
  });

  test('where nobody can be asked the refusal is the job’s own', async () => {
    const { inputs, error } = await importing(fakeOutput());
    assert.deepEqual([inputs.length, error.message], [1, refusal]);
  });
});
