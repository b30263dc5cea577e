import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../../../src/base/errors.ts';
import {
  decidePreparation,
  type PreparationFacts,
  stillMissing,
} from '../../../../src/rootfs/prepare/policy.ts';

const both: PreparationFacts = {
  missing: ['systemd', 'dbus'],
  family: 'debian',
  hasCommands: true,
  installPackages: 'auto',
  force: false,
};

const decided: readonly (readonly [string, Partial<PreparationFacts>, string])[] = [
  ['nothing missing, whatever the policy', { missing: [], installPackages: 'yes' }, 'none'],
  ['yes', { installPackages: 'yes' }, 'install'],
  ['yes with -f', { installPackages: 'yes', force: true }, 'install'],
  ['auto with -f', { force: true }, 'warn'],
  ['no with -f', { installPackages: 'no', force: true }, 'warn'],
  [
    'yes with -f where no commands are known',
    { installPackages: 'yes', force: true, hasCommands: false },
    'warn',
  ],
];
for (const [what, facts, action] of decided) {
  test(`${what}: ${action}`, () => assert.equal(decidePreparation({ ...both, ...facts }).action, action));
}

const refused: readonly (readonly [string, Partial<PreparationFacts>, RegExp])[] = [
  [
    'auto',
    { missing: ['dbus'] },
    /^dbus not found in rootfs and running non-interactively; re-run with --install-packages=yes or -f to override$/,
  ],
  ['no', { installPackages: 'no' }, /^systemd and dbus not found in rootfs/],
  [
    'yes without commands',
    { installPackages: 'yes', hasCommands: false, family: 'unknown' },
    /^cannot install packages: .*'unknown'/,
  ],
];
for (const [what, facts, message] of refused) {
  test(`${what} refuses a rootfs that lacks parts`, () => {
    assert.throws(
      () => decidePreparation({ ...both, ...facts }),
      (error) =>
        error instanceof SdmeError && error.code === 'rootfs.incomplete' && message.test(error.message),
    );
  });
}

test('parts missing after the commands ran are named', () => {
  assert.match(stillMissing(['systemd']).message, /^systemd still not found after package installation/);
});
