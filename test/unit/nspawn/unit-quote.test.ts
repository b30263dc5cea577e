import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeSpecifiers, quoteArgument, quoteCommand } from '../../../src/nspawn/unit-quote.ts';

/** One escape of systemd.syntax(7), as far as what we write can hold one. */
function escaped(character: string): string {
  if (!/["'\\]/.test(character)) assert.fail(`escape \\${character} has another meaning for systemd`);
  return character;
}

/**
 * A command line as systemd reads it: words split at blanks outside quotes, quotes taken off, `\` escapes,
 * then `%%` and `$$` (extract_first_word with EXTRACT_UNQUOTE|EXTRACT_CUNESCAPE, specifiers, variables).
 */
function readBack(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < line.length; i += 1) {
    const character = line.charAt(i);
    if (character === '\\') {
      i += 1;
      word = (word ?? '') + escaped(line.charAt(i));
    } else if (quote !== '') {
      if (character === quote) quote = '';
      else word = (word ?? '') + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (character === ' ' || character === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  assert.equal(quote, '', 'an open quote');
  if (word !== undefined) words.push(word);
  for (const each of words) {
    assert.doesNotMatch(each.replaceAll('%%', ''), /%/, 'a specifier is left');
    assert.doesNotMatch(each.replaceAll('$$', ''), /\$/, 'a variable is left');
  }
  return words.map((each) => each.replaceAll('%%', '%').replaceAll('$$', '$'));
}

test('systemd reads back exactly the arguments that were quoted, whatever they hold', () => {
  const character = fc.constantFrom(...' \t"\'\\$%;{}#=ab:,|/é\u{1f600}');
  const argument = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(''));
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 5 }), (args) => {
      assert.deepEqual(readBack(quoteCommand('/usr/bin/x', args)), ['/usr/bin/x', ...args]);
    }),
    { numRuns: 500 },
  );
});

test('plain arguments are left as they are', () => {
  assert.equal(quoteArgument('--bind=/srv:/data'), '--bind=/srv:/data');
});

test('blank, quote and backslash are quoted, percent and dollar doubled', () => {
  assert.equal(quoteArgument('A=b c'), '"A=b c"');
  assert.equal(quoteArgument('a"b\\c'), '"a\\"b\\\\c"');
  assert.equal(quoteArgument('100%$HOME'), '100%%$$HOME');
  assert.equal(quoteArgument(''), '""');
  assert.equal(quoteArgument(';'), '";"');
});

test('code points that are no characters are refused, as systemd would refuse the whole line', () => {
  for (const value of ['a\ufdef', '\ufffe', '\u{2ffff}'])
    assert.throws(() => escapeSpecifiers(value), { code: 'input.invalid', message: /no character/ });
  assert.equal(escapeSpecifiers('\ufffd\u{1f600}\ue000'), '\ufffd\u{1f600}\ue000');
});

for (const breaking of ['a\nb', 'a\rb', 'a\0b']) {
  test(`${JSON.stringify(breaking)} is refused, as it would begin another line`, () => {
    assert.throws(() => quoteArgument(breaking), /line break/);
    assert.throws(() => escapeSpecifiers(breaking), /line break/);
  });
}
