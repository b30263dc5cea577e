import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nothingSaid, plainLines } from '../../../../src/cli/output/plain-progress.ts';
import type { JobRecord, ProgressItemRecord } from '../../../../src/contracts/index.ts';
import { itemOf, jobRecordOf } from '../../../helpers/job-record.ts';

/** The lines for records at given moments, in milliseconds from now. */
function saidOver(steps: readonly (readonly [at: number, changes: Partial<JobRecord>])[]): string[][] {
  let said = nothingSaid;
  return steps.map(([at, changes]) => {
    const next = plainLines(jobRecordOf(changes), said, 1_790_000_000_000 + at);
    said = next.said;
    return next.lines;
  });
}

const fetching = (done: number): Partial<JobRecord> => ({
  progress: {
    step: 'fetch',
    items: [itemOf('a', { done, total: 1024 }), itemOf('b', { done: 0, total: 1024 })],
  },
});

describe('plainLines', () => {
  test('a step is said once, when it begins', () => {
    const lines = saidOver([
      [0, { progress: { step: 'fetch', items: [] } }],
      [10, { progress: { step: 'fetch', items: [] } }],
      [20, { progress: { step: 'unpack', items: [] } }],
    ]);
    assert.deepEqual(lines, [['  fetch'], [], ['  unpack']]);
  });

  test('amounts are said at most every five seconds, however many records come', () => {
    const lines = saidOver(Array.from({ length: 301 }, (_, index) => [index * 50, fetching(index)] as const));
    assert.equal(lines.flat().filter((line) => line.includes(' of ')).length, 3);
    assert.ok(lines.flat().includes('  100B of 2K in 2 parts'), lines.flat().join('\n'));
  });

  test('one part is not counted, and nothing is said of parts that nothing is known of', () => {
    const over = (changes: Partial<ProgressItemRecord>): string[] => {
      const fetch = { progress: { step: 'fetch', items: [itemOf('a', changes)] } };
      return saidOver([
        [0, fetch],
        [6000, fetch],
      ]).flat();
    };
    assert.deepEqual(over({ done: 100, total: 2048 }), ['  fetch', '  100B of 2K']);
    assert.deepEqual(over({}), ['  fetch']);
  });

  test('an item is said once when it ends, and how', () => {
    const shared = itemOf('a', { done: 1024, end: 'shared', note: 'joined the download of job X' });
    const record = { progress: { step: 'fetch', items: [shared, itemOf('b', { done: 2048, end: 'done' })] } };
    assert.deepEqual(
      saidOver([
        [0, fetching(0)],
        [1, record],
        [2, record],
      ]).slice(1),
      [['  layer a: 1K shared, joined the download of job X', '  layer b: 2K done'], []],
    );
  });

  test('what a waiting job waits for is said when it changes', () => {
    const waiting = (waitingFor: string): Partial<JobRecord> => ({
      state: 'waiting',
      waitingFor,
      progress: { step: '', items: [] },
    });
    assert.deepEqual(
      saidOver([
        [0, waiting('lock fs/debian')],
        [1, waiting('lock fs/debian')],
        [2, waiting('retry in 2 s')],
      ]),
      [['  waiting for lock fs/debian'], [], ['  waiting for retry in 2 s']],
    );
  });
});
