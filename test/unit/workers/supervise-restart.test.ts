import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideRestart, noRestarts } from '../../../workers/supervise-restart.ts';

const killed = { code: undefined, signal: 'SIGKILL' } as const;
const failed = { code: 1, signal: undefined } as const;

test('a first death is answered within 100 ms', () => {
  const decision = decideRestart(noRestarts, killed, 60_000);
  assert.deepEqual(decision, { action: 'restart', delayMs: 100, history: { shortRuns: 1, failedStarts: 0 } });
});

test('a worker that is killed again and again is always restarted, within 2 s each time', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100_000), { maxLength: 200 }), (runs) => {
      let history = noRestarts;
      for (const ranMs of runs) {
        const decision = decideRestart(history, killed, ranMs);
        if (decision.action !== 'restart') return false;
        if (decision.delayMs < 100 || decision.delayMs > 2_000) return false;
        history = decision.history;
      }
      return true;
    }),
  );
});

test('eight failed starts in a row end it, and one long run begins the count anew', () => {
  let history = noRestarts;
  for (let i = 0; i < 7; i += 1) {
    const decision = decideRestart(history, failed, 50);
    assert.equal(decision.action, 'restart');
    if (decision.action === 'restart') history = decision.history;
  }
  assert.deepEqual(decideRestart(history, failed, 50), { action: 'give-up' });
  const afterLongRun = decideRestart(history, failed, 20_000);
  assert.deepEqual(afterLongRun, {
    action: 'restart',
    delayMs: 100,
    history: { shortRuns: 1, failedStarts: 0 },
  });
});
