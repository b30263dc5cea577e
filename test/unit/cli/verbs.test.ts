import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCommandLine } from '../../../src/cli/program.ts';
import { verbs } from '../../../src/cli/verbs.ts';
import { cliSession } from '../../helpers/cli-session.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

/** The word a verb's usage says for each operand that must be there. */
const required = (operands = ''): string[] => (operands.match(/<[^>]+>/g) ?? []).map(() => 'nobody');

describe('every flag of the table is one that its verb takes', () => {
  for (const verb of verbs) {
    test(`sdme ${verb.words}`, async () => {
      await using directory = await tempDir();
      for (const { flags, choices } of [{ flags: '', choices: undefined }, ...(verb.options ?? [])]) {
        const flag = /--[a-z-]+/.exec(flags)?.[0];
        const value = flags.includes('<') ? [choices?.[0] ?? '1'] : [];
        const argv = [...verb.words.split(' '), ...(flag === undefined ? [] : [flag, ...value])];
        const parsed = parseCommandLine([...argv, ...required(verb.operands)], 'sdme 0');
        assert.ok(parsed.kind === 'call', argv.join(' '));
        const configFile = `${directory.path}/absent.conf`;
        await using session = cliSession({ directory: directory.path, configFile });
        const { run } = await verb.load();
        const { operands, command, options } = parsed.call;
        // Without settings, queue and containers nearly all of them fail, but none for want of knowing its flag.
        const error: unknown = await run({ operands, command, options, session }).catch((thrown) => thrown);
        if (error instanceof Error)
          assert.doesNotMatch(error.message, /nrecognized|invalid input/i, argv.join(' '));
      }
    });
  }
});
