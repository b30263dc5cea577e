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

test('a command reaches the application as it is, on a terminal too', () => {
  const command = ["it's", '$HOME'];
  const options = { container: 'box', application: 'web', supervisor: 48, ownNetwork: false, command };
  for (const [streams, flag] of [
    [{ pipedUnit: 'x.service' }, '--pipe'],
    ['--pty', '--pty'],
  ] as const) {
    const { program, args } = applicationCommand(options, streams);
    assert.deepEqual([program, args.slice(0, 3)], ['systemd-run', ['--machine', 'box', flag]]);
    assert.deepEqual(args.slice(-5), ['--', '/oci/apps/web/enter', '/proc/48', ...command]);
  }
});
