import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newUlid } from '../../../src/base/ulid.ts';
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

test('of a damaged record all is given that can be read, and said what cannot', () => {
  const ended = { ...hash, state: 'succeeded', result: '{broken', error: '{"code":"no.such"}' };
  const { damaged, ...rest } = decodeRecord(body.id, { ...ended, revision: 'x' });
  assert.equal(damaged, 'cannot be read: error, result, revision');
  assert.deepEqual(rest, decodeRecord(body.id, { ...hash, state: 'succeeded', revision: '0' }));
});

test('a job counts as failed, and says why, when its state or its error cannot be read', () => {
  for (const [spoilt, field] of [
    [{ state: 'odd' }, 'state'],
    [{ state: 'failed', error: '[]' }, 'error'],
  ] as const) {
    const { state, error, damaged } = decodeRecord(body.id, { ...hash, ...spoilt });
    assert.deepEqual([state, error?.code, damaged], ['failed', 'job.damaged', `cannot be read: ${field}`]);
  }
});

test('a record with nothing in it still has the time at which its job was made', () => {
  const id = newUlid(1_790_000_000_000);
  const { submittedAt, kind, damaged } = decodeRecord(id, { x: 'y' });
  assert.deepEqual([submittedAt, kind], [1_790_000_000_000, '?']);
  assert.match(damaged ?? '', /kind.*state/);
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
