import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine } from '../../../src/cli/program.ts';

function call(...argv: string[]): unknown {
  const parsed = parseCommandLine(argv, 'sdme 0');
  assert.ok(parsed.kind === 'call', argv.join(' '));
  const { operands, command, options } = parsed.call;
  return [...operands, { ...options }, ...command];
}

test('--oci takes the name of an application only from between it and --', () => {
  assert.deepEqual(call('exec', 'web', '--oci', '--', 'ls', '-l'), ['web', { oci: true }, 'ls', '-l']);
  assert.deepEqual(call('exec', 'web', '--oci', 'app', '--', 'ls'), ['web', { oci: 'app' }, 'ls']);
  assert.deepEqual(call('exec', 'web', '--oci=app', 'ls'), ['web', { oci: 'app' }, 'ls']);
  assert.deepEqual(call('exec', 'web', '--oci', 'ls', '--all'), ['web', { oci: true }, 'ls', '--all']);
  assert.deepEqual(call('exec', '--oci', '--', 'web', 'ls'), ['web', { oci: true }, 'ls']);
  assert.deepEqual(call('logs', '--oci', '--', 'web', '-n', '5'), ['web', { oci: true }, '-n', '5']);
  assert.deepEqual(call('join', 'web', '--oci'), ['web', { oci: true }]);
});
