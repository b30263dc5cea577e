import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { barLines } from '../../../../src/cli/output/bars.ts';
import { jobLines } from '../../../../src/cli/output/job-renderer.ts';
import type { ProgressItemRecord } from '../../../../src/contracts/index.ts';
import { itemOf, jobRecordOf } from '../../../helpers/job-record.ts';

const amount = fc.integer({ min: 0, max: 2 ** 45 });
const anyItem: fc.Arbitrary<Omit<ProgressItemRecord, 'id'>> = fc.record(
  {
    parent: fc.constantFrom('0', '1', '2', 'nowhere'),
    label: fc.string({ maxLength: 100 }),
    unit: fc.constantFrom('bytes' as const, 'files' as const, 'items' as const),
    done: amount,
    total: amount,
    note: fc.string({ maxLength: 100 }),
    end: fc.constantFrom('done' as const, 'cached' as const, 'shared' as const),
  },
  { requiredKeys: ['label', 'unit', 'done'] },
);
const anyItems = fc
  .array(anyItem, { maxLength: 40 })
  .map((all) => all.map((item, index): ProgressItemRecord => ({ ...item, id: String(index) })));

describe('barLines', () => {
  test('whatever the tree, no line reaches the last column, none acts on the terminal, and all fit', () => {
    fc.assert(
      fc.property(
        anyItems,
        fc.integer({ min: 20, max: 200 }),
        fc.integer({ min: 4, max: 60 }),
        fc.constantFrom('running' as const, 'waiting' as const, 'cancelling' as const),
        (items, columns, rows, state) => {
          const record = jobRecordOf({
            state,
            waitingFor: 'lock fs/debian',
            progress: { step: 'fetch', items },
          });
          const lines = jobLines(record, { columns, rows });
          assert.ok(lines.length < rows, 'the cursor has a line of its own');
          for (const line of lines) {
            assert.ok(line.length < columns);
            assert.doesNotMatch(line, /\p{Cc}/u);
          }
        },
      ),
    );
  });

  test('a bar for each layer is drawn to its share, below what it belongs to', () => {
    const items = [
      itemOf('image', { label: 'debian', unit: 'items', done: 1, total: 2 }),
      itemOf('a', { parent: 'image', done: 512, total: 1024 }),
      itemOf('b', { parent: 'image', done: 1024, total: 1024, end: 'done' }),
      itemOf('c', { parent: 'image', done: 0, total: 10, end: 'cached' }),
      itemOf('d', { parent: 'image', done: 2048, note: 'joined the download of job X' }),
    ];
    assert.deepEqual(barLines('fs.import debian', { step: 'fetch', items }, { columns: 70, rows: 24 }), [
      'fs.import debian: fetch',
      '  debian    [###########............] 1/2 items',
      '    layer a [###########............] 512B/1K',
      '    layer b [#######################] 1K/1K',
      '    layer c cached',
      '    layer d 2K  joined the download of job X',
    ]);
  });

  test('when not all fit, those under way stay, and the number of the others is said', () => {
    const items = Array.from({ length: 50 }, (_, index) =>
      itemOf(String(index), index < 40 ? { end: 'done' } : index < 44 ? { done: 1, total: 9 } : { total: 9 }),
    );
    for (const rows of [6, 7, 12]) {
      const lines = barLines('x', { step: 'fetch', items }, { columns: 80, rows });
      assert.equal(lines.length, rows - 1);
      assert.match(lines[0] ?? '', new RegExp(`\\(${50 - (rows - 2)} more\\)`));
      for (const index of [40, 41, 42, 43]) assert.ok(lines.some((line) => line.includes(`layer ${index} `)));
    }
  });
});
