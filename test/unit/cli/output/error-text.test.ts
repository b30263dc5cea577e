import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../../../src/base/errors.ts';
import { errorText, errorTrace } from '../../../../src/cli/output/error-text.ts';

test('an error is its message and its causes on one line', () => {
  const cause = new Error('cannot open', { cause: new Error('ENOENT') });
  assert.equal(
    errorText(new SdmeError('io', 'cannot read x', { cause })),
    'cannot read x: cannot open: ENOENT',
  );
});

test('lines of a message stay lines, and none but the first begins at the edge', () => {
  const error = new SdmeError('input.invalid', 'not valid:\n  line 1: a\n  line 2: b\nError: of a stranger');
  assert.equal(errorText(error), 'not valid:\n  line 1: a\n  line 2: b\n  Error: of a stranger');
});

test('control characters of strangers are written out', () => {
  assert.equal(errorText(new SdmeError('io', 'no such \u001b[31mname\r')), 'no such \\x1b[31mname\\x0d');
});

test('a trace has where each cause came from, and ends for causes in a circle', () => {
  const inner = new Error('inner');
  const trace = errorTrace(new SdmeError('io', 'outer', { cause: inner }));
  assert.match(trace, /^SdmeError: outer\n +at .*error-text\.test\.ts/);
  assert.match(trace, /\ncaused by Error: inner\n +at /);
  inner.cause = inner;
  assert.ok(errorTrace(inner).split('caused by').length <= 20);
});
