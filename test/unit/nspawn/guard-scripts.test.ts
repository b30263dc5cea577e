import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { clearOwn, refuseForeignIds, refuseNamesake } from '../../../src/nspawn/guard-scripts.ts';
import { idsToLookUp, uidRangeSize } from '../../../src/security/uid-ranges.ts';
import { machinePath } from '../../../src/system/systemd/machines.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

const unit = 'sdme@my-box.service';
const path = machinePath('my-box');
const first = 1_587_085_312;

describe('what a unit asks before it starts a container', () => {
  const stack = new AsyncDisposableStack();
  let at = '';
  before(async () => {
    at = stack.use(await tempDir('sdme-guards-')).path;
  });
  after(() => stack.disposeAsync());
  beforeEach(() => rmSync(join(at, 'calls'), { force: true }));

  /** A program that notes what it was called with, and does what `body` says. */
  const program = (name: string, body: string): string => {
    writeFileSync(join(at, name), `#!/bin/sh\necho "${name} $*" >> '${at}/calls'\n${body}\n`, {
      mode: 0o755,
    });
    return join(at, name);
  };
  const calls = (): string[] =>
    existsSync(join(at, 'calls')) ? readFileSync(join(at, 'calls'), 'utf8').trimEnd().split('\n') : [];
  const run = (script: string, ...words: string[]): { status: number | null; stderr: string } => {
    const { status, stderr } = spawnSync('/bin/sh', ['-c', script, 'sh', ...words], { encoding: 'utf8' });
    return { status, stderr };
  };

  /** machined as busctl shows it: the machines, each with its unit and its first id. */
  const machined = (...machines: { name: string; owner: string; base: number | undefined }[]): string => {
    const rows = machines.map(({ name }) => `"${name}" "container" "x" "${machinePath(name)}"`);
    const cases = machines.flatMap(({ name, owner, base }) => [
      `*" get-property "*"${machinePath(name)} "*) echo 's "${owner}"' ;;`,
      `*"${machinePath(name)} "*GetUIDShift) ${base === undefined ? 'exit 1' : `echo 'u ${base}'`} ;;`,
    ]);
    const list = `*ListMachines) echo 'a(ssso) ${rows.length} ${rows.join(' ')}' ;;`;
    return program('busctl', ['case " $*" in', list, ...cases, '*) exit 1 ;; esac'].join('\n'));
  };
  const silent = (): string => program('busctl', 'echo "Call failed: no answer" >&2; exit 1');

  const asked = (slots: number, busctl: string, getent: string, timeout = '/usr/bin/timeout') =>
    run(refuseForeignIds, getent, timeout, busctl, String(first), String(first + slots * uidRangeSize));
  const nobody = (): string => program('getent', 'exit 2');

  test('however long a range is, few programs ask for its ids, each for all that nspawn would', () => {
    assert.deepEqual(asked(401, machined(), nobody()), { status: 0, stderr: '' });
    const ids = idsToLookUp({ base: first, size: 401 * uidRangeSize }).join(' ');
    assert.deepEqual(calls().slice(3), [`getent passwd ${ids}`, `getent group ${ids}`]);
    assert.equal(calls().length, 5);
  });

  test('an account or a machine anywhere in a range keeps a container from its ids', () => {
    const id = first + 7 * uidRangeSize;
    const found = program('getent', 'case $1 in group) echo "squatters:x:1:" ;; esac; exit 2');
    const foreign = (by: string) => ({
      status: 1,
      stderr: `ids from ${first} on are of ${by} now; sdme start gives the container others\n`,
    });
    assert.deepEqual(asked(9, machined(), found), foreign('account squatters'));
    const other = (base: number | undefined) => machined({ name: 'other', owner: 'x.service', base });
    assert.deepEqual(asked(9, other(id), nobody()), foreign('a running machine'));
    for (const base of [undefined, first - uidRangeSize, first + 9 * uidRangeSize]) {
      assert.deepEqual(asked(9, other(base), nobody()), { status: 0, stderr: '' });
    }
    const reaching = program(
      'busctl',
      `case "$*" in *ListMachines|*"MapToMachineUser u ${first}") ;; *) exit 1; esac`,
    );
    assert.deepEqual(asked(9, reaching, nobody()), foreign('a running machine'));
  });

  test('accounts that cannot be asked for keep it from being started after a while, and that is said', () => {
    const refusal = /^cannot ask whose the ids from 1587085312 on are: passwd does not answer\n$/;
    const hanging = program('getent', 'exec sleep 1000');
    const soon = program('timeout', 'shift; exec timeout 0.1 "$@"');
    const given = asked(1, machined(), hanging, soon);
    assert.deepEqual([given.status, refusal.test(given.stderr)], [1, true], given.stderr);
    assert.match(calls().at(-2) ?? '', /^timeout 60 \S*\/getent passwd /);
    assert.match(asked(1, machined(), program('getent', 'exit 1')).stderr, refusal);
  });

  test('no machine of that name, or its own, keeps a container from nothing; what is not known does', () => {
    const start = (busctl: string) => run(refuseNamesake, busctl, path, unit);
    const pass = { status: 0, stderr: '' };
    assert.deepEqual(start(machined()), pass);
    assert.deepEqual(start(machined({ name: 'my-box2', owner: 'x.service', base: 1 })), pass);
    assert.deepEqual(start(machined({ name: 'my-box', owner: unit, base: 1 })), pass);
    for (const owner of ['x.service', '']) {
      const { status, stderr } = start(machined({ name: 'my-box', owner, base: 1 }));
      assert.equal(status, 1);
      assert.match(stderr, /^a machine of this name runs in another unit, /);
    }
    assert.deepEqual(start(silent()), { status: 1, stderr: 'Call failed: no answer\n' });
    const half = program('busctl', `case "$*" in *ListMachines) echo '"${path}"' ;; *) exit 1; esac`);
    assert.deepEqual(start(half), { status: 1, stderr: `machined does not say whose ${path} is\n` });
    assert.equal(asked(1, silent(), nobody()).status, 1);
  });

  test('after its end only what is its own is cleared away, or nobody’s', () => {
    const umount = program('umount', '');
    const cleared = (busctl: string): boolean => {
      rmSync(join(at, 'calls'), { force: true });
      run(clearOwn, busctl, path, unit, umount, '/run/x', 'my-box');
      return (
        calls().includes('umount --quiet /run/x') &&
        calls().at(-1)?.endsWith('UnregisterMachine s my-box') === true
      );
    };
    assert.ok(cleared(machined()));
    assert.ok(cleared(machined({ name: 'my-box', owner: unit, base: 1 })));
    assert.ok(!cleared(machined({ name: 'my-box', owner: '', base: 1 })));
    assert.ok(!cleared(silent()));
  });
});
