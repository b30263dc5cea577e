import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostRootNotes } from '../../../../src/cli/run/host-root-notes.ts';

const clone = {
  rootfs: undefined,
  tier: 'default',
  networkVeth: false,
  networkBridge: undefined,
  networkZone: undefined,
} as const;

test('a hardened clone of the host comes with two notes: no network, and sudo will not elevate', () => {
  for (const tier of ['hardened', 'strict'] as const) {
    const notes = hostRootNotes({ ...clone, tier });
    assert.equal(notes.length, 2);
    assert.match(notes[0] ?? '', new RegExp(`^note: --${tier} .*network of its own with loopback only`));
    assert.match(notes[1] ?? '', new RegExp(`^note: --${tier} .*sudo and su will not elevate`));
  }
});

test('the notes are only for what is so', () => {
  assert.deepEqual(hostRootNotes(clone), []);
  assert.deepEqual(hostRootNotes({ ...clone, rootfs: 'debian', tier: 'strict' }), []);
  const [only, ...more] = hostRootNotes({ ...clone, tier: 'hardened', networkVeth: true });
  assert.match(only ?? '', /sudo/);
  assert.deepEqual(more, []);
});
