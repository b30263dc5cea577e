import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ErrorCode } from '../../../../src/base/errors.ts';
import { run } from '../../../../src/cli/verbs/fs-import.ts';
import { contracts, type FsImportInput } from '../../../../src/contracts/index.ts';
import { cliSession } from '../../../helpers/cli-session.ts';
import { type FakeOutput, fakeOutput } from '../../../helpers/fake-output.ts';
import { errorOf, jobRecordOf } from '../../../helpers/job-record.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

const result = {
  name: 'small',
  path: '/var/lib/sdme/fs/small',
  kind: 'tarball',
  bytes: 1,
  entries: 1,
  sharedBytes: 0,
  cachedBytes: 0,
  fetchedBytes: 0,
};

const refusal =
  'systemd not found in rootfs and running non-interactively; re-run with --install-packages=yes';

/** Imports where every job that may not install packages fails with `code`; the inputs of the jobs, and how it ended. */
async function importWith(
  options: Record<string, unknown>,
  answer?: string,
  code: ErrorCode = 'rootfs.incomplete',
): Promise<{ inputs: FsImportInput[]; output: FakeOutput; error: unknown }> {
  await using directory = await tempDir();
  const output = fakeOutput(answer === undefined ? {} : { answer });
  const inputs: FsImportInput[] = [];
  await using session = cliSession({
    directory: directory.path,
    output,
    client: {
      submit: async (_kind, input) => {
        inputs.push(contracts['fs.import'].input.parse(input));
        return { id: `01JDZ3V8K6M2T0Q4R6W8Y0A2C${inputs.length}`, existing: false };
      },
      async *watch() {
        const installs = inputs.at(-1)?.installPackages === 'yes' && code === 'rootfs.incomplete';
        const end = installs
          ? ({ state: 'succeeded', result } as const)
          : ({
              state: 'failed',
              error: { ...errorOf(code, refusal), facts: { missing: 'systemd' } },
            } as const);
        yield { type: 'end', record: jobRecordOf(end) };
      },
    },
  });
  const error = await run({ operands: ['/srv/small.tar'], command: [], options, session }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { inputs, output, error };
}

describe('fs import of what lacks packages', () => {
  const policies = (inputs: readonly FsImportInput[]): string[] =>
    inputs.map(({ installPackages }) => installPackages);

  test('whoever waits at a terminal is asked, and a yes imports again with packages', async () => {
    const { inputs, output, error } = await importWith({}, 'y');
    assert.equal(error, undefined);
    assert.deepEqual(policies(inputs), ['auto', 'yes']);
    assert.ok(output.notes.includes('install the packages? [y/N] '));
    assert.deepEqual(output.results, ['small']);
  });

  test('any other answer leaves it at the refusal', async () => {
    for (const answer of ['', 'n', 'maybe']) {
      const { inputs, output, error } = await importWith({}, answer);
      assert.ok(error instanceof Error);
      assert.match(error.message, /^systemd not found in rootfs; re-run with --install-packages=yes or -f/);
      assert.match(output.notes.join('\n'), /^systemd not found in rootfs.*\ninstall the packages\?/m);
      assert.doesNotMatch(output.notes.join('\n'), /non-interactively/);
      assert.deepEqual([policies(inputs), output.results], [['auto'], []]);
    }
  });

  test('nobody is asked without a terminal, when it was said before, or about other errors', async () => {
    for (const [options, answer, code] of [
      [{}, undefined, 'rootfs.incomplete'],
      [{ installPackages: 'no' }, 'y', 'rootfs.incomplete'],
      [{ installPackages: 'yes' }, 'y', 'process.failed'],
      [{}, 'y', 'disk.full'],
    ] as const) {
      const { inputs, output, error } = await importWith(options, answer, code);
      assert.ok(error instanceof Error);
      assert.deepEqual([inputs.length, error.message], [1, refusal]);
      assert.ok(output.notes.every((note) => !note.includes('[y/N]')));
    }
  });
});
