import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseApplication, isInnerInit } from '../../../src/nspawn/application-process.ts';
import { applicationCommand } from '../../../src/nspawn/exec-command.ts';

const record = { NAME: 'box', OCI_APP: undefined, KUBE_CONTAINERS: [] };

test('the only application is meant, or the one that is named', () => {
  assert.equal(
    chooseApplication(record, undefined, () => ['web']),
    'web',
  );
  assert.equal(
    chooseApplication(record, 'db', () => ['web', 'db']),
    'db',
  );
  assert.equal(
    chooseApplication({ ...record, OCI_APP: 'web' }, undefined, () => ['web', 'db']),
    'web',
  );
  assert.equal(
    chooseApplication({ ...record, KUBE_CONTAINERS: ['a'] }, undefined, () => []),
    'a',
  );
});

test('who names none of several, or one that is not there, is told which there are', () => {
  const choose =
    (wanted: string | undefined, installed: string[], pod: string[] = []) =>
    () =>
      chooseApplication({ ...record, KUBE_CONTAINERS: pod }, wanted, () => installed);
  assert.throws(
    choose(undefined, ['web', 'db']),
    /cannot determine OCI app name; use --oci NAME \(web, db\)/,
  );
  assert.throws(choose(undefined, []), /cannot determine OCI app name/);
  assert.throws(choose('x', ['web']), /has no OCI application 'x'; available: web/);
  assert.throws(choose('x', [], ['a', 'b']), /container 'x' not found in kube pod 'box'; available: a, b/);
  assert.throws(choose(undefined, [], ['a', 'b']), /multiple containers: a, b; use --oci NAME/);
});

test('an application’s init is PID 1 of a namespace two or more below the host’s', () => {
  assert.ok(isInnerInit('Name:\tx\nNSpid:\t900\t70\t1\n'));
  for (const ids of ['900\t1', '900\t70\t2', '1', '']) assert.ok(!isInnerInit(`NSpid:\t${ids}\n`), ids);
});

test('on a terminal a command reaches the application as it is, by way of a terminal made there', () => {
  const options = { container: 'box', supervisor: 48, ownNetwork: false, command: ["it's", '$HOME'] };
  const piped = applicationCommand({ ...options, onTerminal: false });
  assert.deepEqual([piped.program, piped.args.slice(0, 3)], ['systemd-run', ['--machine', 'box', '--pipe']]);
  assert.deepEqual(piped.args.slice(-3), ['--', ...options.command]);
  const { args } = applicationCommand({ ...options, onTerminal: true });
  assert.ok(args.includes('--pty'));
  assert.match(args.at(-2) ?? '', /^'nsenter' '--target' '48' .* '--' 'it'\\''s' '\$HOME'$/);
});
