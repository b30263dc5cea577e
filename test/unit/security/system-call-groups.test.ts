import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  callsOfDeniedGroups,
  parseSystemCallGroups,
  unheededFilters,
  unknownFilters,
} from '../../../src/security/index.ts';

/** The form of what `systemd-analyze syscall-filter` prints. */
const printed = `\
@chown
    # System calls for changing owners
    chown
    chown32

@module
    # Loading and unloading of modules
    init_module

@obsolete
    # No longer in use
    uselib

@privileged
    # All of it
    @chown
    @module
    chroot

@known
    # All of them
    chown
    chown32
    chroot
    init_module
    mount

# Ungrouped System Calls (known but not included in any of the groups except @known):
#   mount
`;
const groups = parseSystemCallGroups(printed);

test('groups are read with their calls and the groups in them', () => {
  assert.deepEqual([...groups.keys()], ['@chown', '@module', '@obsolete', '@privileged', '@known']);
  assert.deepEqual(groups.get('@privileged'), ['@chown', '@module', 'chroot']);
});

test('a group that is denied stands for every call in it and in its groups, each once', () => {
  const all = ['chown', 'chown32', 'chroot', 'init_module'];
  assert.deepEqual(callsOfDeniedGroups(['~@privileged', '~@module'], groups), all);
  assert.deepEqual(callsOfDeniedGroups(['~@chown', '@module', '~mount', 'mount'], groups), [
    'chown',
    'chown32',
  ]);
  assert.deepEqual(callsOfDeniedGroups([], groups), []);
});

test('a filter is unknown when this systemd has no such group or call', () => {
  const filters = [
    '~@chown',
    '@known',
    '~mount',
    'chown',
    'uselib',
    '~nosuchcall',
    'nosuchcall',
    '@nosuch',
    '~@nosuch',
    '~known',
  ];
  assert.deepEqual(unknownFilters(filters, groups), filters.slice(5));
});

test('a running nspawn heeds what its command line tells it, of a denied group all', () => {
  const command = (...values: string[]): string[] => [
    '/usr/bin/systemd-nspawn',
    ...values.map((value) => `--system-call-filter=${value}`),
    '--boot',
  ];
  const filters = ['mount', '~@chown'];
  const all = command('mount', '~@chown', '~chown chown32');
  assert.deepEqual(unheededFilters(filters, groups, all), []);
  assert.deepEqual(unheededFilters(filters, groups, command('mount', '~@chown', '~chown')), ['~@chown']);
  assert.deepEqual(unheededFilters(filters, groups, command('mount', '~chown chown32')), ['~@chown']);
  assert.deepEqual(unheededFilters(filters, groups, command('mount', '~@chown', 'chown chown32')), [
    '~@chown',
  ]);
  assert.deepEqual(unheededFilters(['~mount', 'mount'], groups, command('mount')), ['~mount']);
  assert.deepEqual(unheededFilters(['~nosuchcall'], groups, command('~nosuchcall')), ['~nosuchcall']);
  assert.deepEqual(unheededFilters(filters, groups, []), filters);
});
