import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostPing } from '../../../src/contracts/host-ping.ts';
import { newJobBody, sealEnvelope } from '../../../src/queue/envelope.ts';
import { decodeRecord } from '../../../src/queue/record-codec.ts';
import { matches } from '../../../src/queue/records.ts';

const body = newJobBody(hostPing, { payload: 'x' }, { host: 'h1' });
const hash = {
  kind: 'host.ping',
  host: 'h1',
  queue: 'control',
  subject: '-',
  state: 'queued',
  attempts: '1',
  submittedAt: '5',
  revision: '1',
  envelope: sealEnvelope(body).p,
};

test('a fresh record has the input of its envelope and nothing that has not happened', () => {
  const record = decodeRecord(body.id, hash);
  assert.deepEqual(record.input, { payload: 'x' });
  assert.deepEqual([record.attempt, record.crashes, record.logLines], [0, 0, 0]);
  for (const field of ['startedAt', 'endedAt', 'error', 'result', 'waitingFor']) {
    assert.ok(!Object.hasOwn(record, field), field);
  }
});

test('a hash that is not a record of ours is refused', () => {
  assert.throws(() => decodeRecord(body.id, { ...hash, state: 'odd' }));
  assert.throws(() => decodeRecord(body.id, { ...hash, error: '{"code":"no.such"}' }));
  assert.throws(() => decodeRecord(body.id, { ...hash, revision: 'x' }));
});

test('a filter lets through what meets all of its conditions', () => {
  const record = decodeRecord(body.id, hash);
  assert.ok(matches(record, {}));
  assert.ok(matches(record, { host: 'h1', states: ['queued'], kinds: ['host.ping'], since: 5 }));
  for (const filter of [
    { host: 'h2' },
    { states: ['failed' as const] },
    { kinds: ['x'] },
    { since: 6 },
    { batch: 'b' },
  ]) {
    assert.ok(!matches(record, filter), JSON.stringify(filter));
  }
});
