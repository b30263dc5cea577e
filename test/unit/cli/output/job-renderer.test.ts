import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { renderJob } from '../../../../src/cli/output/job-renderer.ts';
import { fakeOutput } from '../../../helpers/fake-output.ts';
import { itemOf, jobRecordOf, logLineOf } from '../../../helpers/job-record.ts';
import { screenPicture } from '../../../helpers/screen-picture.ts';

const bytes = { total: 4 * 1024 ** 2 };
const record = jobRecordOf({ progress: { step: 'fetch', items: [itemOf('a', bytes), itemOf('b', bytes)] } });
const program = logLineOf('Setting up dbus ...', { fields: { stream: 'stdout' } });

describe('a job on a terminal', () => {
  const drawing = () => {
    const output = fakeOutput({ terminal: true, columns: 60, rows: 12 });
    // What is noted besides goes to the same terminal.
    const all: string[] = [];
    const terminal = {
      ...output,
      draw: (text: string) => void all.push(text),
      note: (line: string) => void all.push(`${line}\n`),
    };
    return { terminal, picture: () => screenPicture(all.join(''), 60, 12) };
  };

  test('lines go above the bars, which are drawn once and gone at the end', () => {
    const { terminal, picture } = drawing();
    const renderer = renderJob(terminal, false);
    renderer.note('importing');
    renderer.record(record);
    renderer.log(logLineOf('a warning', { level: 'warn' }));
    renderer.note('cancelling job 1');
    renderer.record({ ...record, state: 'cancelling' });
    assert.deepEqual(
      picture().lines.map((line) => line.split(' [')[0]),
      [
        'importing',
        'a warning',
        'cancelling job 1',
        'fs.import debian: fetch',
        '  layer a',
        '  layer b',
        '  cancelling',
      ],
    );
    assert.equal(picture().cursor, false);
    renderer[Symbol.dispose]();
    assert.deepEqual(picture(), { lines: ['importing', 'a warning', 'cancelling job 1'], cursor: true });
  });

  test('a job that shows nothing leaves the terminal alone', () => {
    const { terminal, picture } = drawing();
    const renderer = renderJob(terminal, false);
    renderer.record(jobRecordOf());
    renderer[Symbol.dispose]();
    assert.deepEqual(picture(), { lines: [], cursor: true });
  });
});

test('what programs in a tree print is shown with -v only', () => {
  for (const [verbose, shown] of [
    [false, []],
    [true, [program.message]],
  ] as const) {
    const output = fakeOutput();
    renderJob(output, verbose).log(program);
    assert.deepEqual(output.notes, shown);
  }
});

test('with -v a job is shown in lines on a terminal too', () => {
  const output = fakeOutput({ terminal: true });
  renderJob(output, true).record(record);
  assert.deepEqual([output.drawn, output.notes], [[], ['  fetch']]);
});
