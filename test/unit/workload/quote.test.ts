import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shellCommand } from '../../../src/system/exec/shell-command.ts';
import { plainValue, quoteWord } from '../../../src/workload/quote.ts';

/** Reads a word as systemd does: quotes and C escapes, then specifiers, then variables. */
function readAsSystemd(text: string): string {
  const inner = text.startsWith("'") ? text.slice(1, -1) : text;
  const unescaped = inner.replace(/\\(x([0-9a-f]{2})|(.))/g, (_all, _x, hex?: string, char?: string) =>
    hex === undefined ? (char ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return unescaped.replaceAll('%%', '%').replaceAll('$$', '$');
}

test('safe words stay bare, all others stand in single quotes', () => {
  assert.equal(quoteWord('/usr/bin/nginx'), '/usr/bin/nginx');
  assert.equal(quoteWord(''), "''");
  assert.equal(quoteWord('a b'), "'a b'");
  assert.equal(quoteWord(';'), "';'");
  assert.equal(quoteWord("it's 100% $HOME\\"), "'it\\'s 100%% $$HOME\\\\'");
  assert.equal(quoteWord('a\r\nExecStartPre=/bad'), "'a\\x0d\\x0aExecStartPre=/bad'");
});

test('H3 any word is read back by systemd’s rules and never ends its line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (word) => {
      fc.pre(!word.includes('\0'));
      const quoted = quoteWord(word);
      assert.doesNotMatch(quoted, /[\r\n]/);
      assert.equal(readAsSystemd(quoted), word);
    }),
  );
});

test('a value in a setting or comment stays on its line and joins no other', () => {
  assert.equal(plainValue('a\nExecStart=/bad\\'), 'a ExecStart=/bad/');
  assert.equal(plainValue('%n'), '%%n');
  assert.equal(plainValue('a\ufffeb\u{10ffff}c'), 'a b c');
});

test('a shell word holds quotes', () => {
  assert.equal(shellCommand(["it's"]), "'it'\\''s'");
});
