import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { renderJob } from '../../../../src/cli/output/job-renderer.ts';
import { openScreen } from '../../../../src/cli/output/screen.ts';
import { fakeOutput } from '../../../helpers/fake-output.ts';
import { itemOf, jobRecordOf, logLineOf } from '../../../helpers/job-record.ts';
import { screenPicture } from '../../../helpers/screen-picture.ts';

const columns = 40;
const rows = 8;
const line = fc.stringMatching(/^[a-z]{1,39}$/);
const lines = fc.array(line, { maxLength: rows - 1 });

describe('openScreen', () => {
  test('after any draws and lines above, the terminal shows the lines above and then the last picture', () => {
    const action = fc.oneof(
      lines.map((picture) => ({ picture })),
      line.map((above) => ({ above })),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 20 }), (actions) => {
        const output = fakeOutput({ terminal: true, columns, rows });
        using screen = openScreen(output);
        let picture: readonly string[] = [];
        const above: string[] = [];
        for (const step of actions) {
          if ('above' in step) {
            above.push(step.above);
            screen.above(step.above);
          } else {
            picture = step.picture;
            screen.draw(picture);
          }
        }
        const shown = screenPicture(output.drawn.join(''), columns, rows);
        assert.deepEqual(shown.lines, [...above, ...picture]);
        assert.equal(shown.cursor, false);
      }),
    );
  });

  test('what was drawn is gone at its end, and the cursor is back', () => {
    const output = fakeOutput({ terminal: true, columns, rows });
    const screen = openScreen(output);
    screen.draw(['one', 'two']);
    screen.above('a note');
    screen[Symbol.dispose]();
    assert.deepEqual(screenPicture(output.drawn.join(''), columns, rows), {
      lines: ['a note'],
      cursor: true,
    });
  });

  test('each picture is one write, so that nothing flickers', () => {
    const output = fakeOutput({ terminal: true, columns, rows });
    using screen = openScreen(output);
    const before = output.drawn.length;
    screen.draw(['one', 'two']);
    screen.draw(['three']);
    assert.equal(output.drawn.length - before, 2);
  });
});

describe('renderJob', () => {
  const record = jobRecordOf({ progress: { step: 'fetch', items: [itemOf('a', { done: 1, total: 2 })] } });

  test('on a terminal it draws bars, with log lines above them', () => {
    const output = fakeOutput({ terminal: true });
    using renderer = renderJob(output, false);
    renderer.record(record);
    renderer.log(logLineOf('a note'));
    const shown = screenPicture(output.drawn.join(''), 80, 24);
    assert.equal(shown.lines[0], 'a note');
    assert.match(shown.lines[1] ?? '', /^fs\.import debian: fetch/);
    assert.match(shown.lines[2] ?? '', /layer a \[#+\.+\] 1B\/2B/);
  });

  test('a job that shows no bars leaves a terminal untouched', () => {
    const output = fakeOutput({ terminal: true });
    renderJob(output, false).record(jobRecordOf());
    assert.deepEqual(output.drawn, []);
  });

  test('what programs in a tree wrote is shown with -v only, everything else always', () => {
    for (const verbose of [false, true]) {
      const output = fakeOutput();
      using renderer = renderJob(output, verbose);
      renderer.log(logLineOf('Setting up dbus', { fields: { stream: 'stdout' } }));
      renderer.log(logLineOf('OCI image: base OS'));
      assert.deepEqual(
        output.notes,
        verbose ? ['Setting up dbus', 'OCI image: base OS'] : ['OCI image: base OS'],
      );
    }
  });

  test('what a stranger wrote cannot act on the terminal', () => {
    const output = fakeOutput();
    using renderer = renderJob(output, false);
    renderer.log(logLineOf('\x1b[2J\u202egone\r'));
    assert.deepEqual(output.notes, ['\\x1b[2J\\u{202e}gone\\x0d']);
  });
});
