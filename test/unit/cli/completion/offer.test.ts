import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { wantedAt } from '../../../../src/cli/completion/offer.ts';
import { verbs } from '../../../../src/cli/verbs.ts';

/** What is offered behind a half-typed line; its last word is the one being typed. */
function wanted(line: string): string | string[] {
  const result = wantedAt(verbs, line.split(' '));
  return result.kind === 'names' ? result.of : result.offers.map(({ word }) => word);
}

describe('wantedAt', () => {
  test('offers every visible verb and group first', () => {
    const offered = wanted('');
    const first = new Set(verbs.map(({ words }) => words.split(' ')[0] ?? ''));
    assert.deepEqual(offered, [...first, 'help']);
  });

  const cases: readonly (readonly [line: string, offers: string | string[]])[] = [
    ['fs ', ['import', 'ls', 'rm', 'gc', 'cache']],
    ['fs cache ', ['info', 'ls', 'clean']],
    ['-v --config x fs cache ', ['info', 'ls', 'clean']],
    ['start ', 'container'],
    ['start web ', 'container'],
    ['set web ', 'nothing'],
    ['exec ', 'container'],
    ['exec --user nobody ', 'container'],
    ['exec web ', 'file'],
    ['exec web ls -', 'file'],
    ['create -r ', 'rootfs'],
    ['create --fs ', 'rootfs'],
    ['create --memory ', 'nothing'],
    ['fs rm ', 'rootfs'],
    ['fs import ', 'file'],
    ['fs import --install-packages ', ['auto', 'yes', 'no']],
    ['job show ', 'job'],
    ['batch status ', 'batch'],
    ['ps --config ', 'file'],
    ['ps -', ['--json', '--json-pretty', '--verbose', '--config', '--help']],
    ['-', ['--verbose', '--config', '--help']],
    ['nope ', []],
    ['help fs ', ['import', 'ls', 'rm', 'gc', 'cache']],
    ['--config ', 'file'],
    ['config set ', 'setting'],
    ['config set boot_timeout ', 'nothing'],
    ['config completions ', 'shell'],
    ['job ls --kind ', 'kind'],
  ];
  for (const [line, offers] of cases) {
    test(`sdme ${line}<TAB>`, () => assert.deepEqual(wanted(line), offers));
  }
});
