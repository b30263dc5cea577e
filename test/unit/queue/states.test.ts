import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endStates, isEndState, jobStates } from '../../../src/contracts/index.ts';
import { liveStates, mayBecome, nextStates, statesBefore } from '../../../src/queue/states.ts';

test('nothing follows an end state', () => {
  for (const state of endStates) assert.deepEqual(nextStates[state], []);
});

test('every state is reached from queued, and every live state leads to every end', () => {
  for (const state of jobStates) assert.ok(mayBecome('queued', state), state);
  for (const from of liveStates)
    for (const to of endStates) assert.ok(mayBecome(from, to), `${from} -> ${to}`);
});

test('a job that was asked to end does nothing but end', () => {
  for (const to of nextStates.cancelling) assert.ok(to === 'cancelling' || isEndState(to), to);
});

test('statesBefore is the table read backwards', () => {
  for (const to of jobStates) {
    for (const from of jobStates)
      assert.equal(statesBefore(to).includes(from), nextStates[from].includes(to));
  }
});
