import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSize, parseSize } from '../../../src/base/sizes.ts';

const sizes: readonly (readonly [text: string, bytes: number])[] = [
  ['0', 0],
  ['512', 512],
  ['7B', 7],
  ['1k', 1024],
  ['256M', 256 * 1024 ** 2],
  ['2G', 2 * 1024 ** 3],
  ['1t', 1024 ** 4],
];
for (const [text, bytes] of sizes) {
  test(`${text} is ${bytes} bytes`, () => assert.equal(parseSize(text), bytes));
}

const refused: readonly (readonly [text: string, message: string])[] = [
  ['', 'size value cannot be empty'],
  ['M', 'invalid size value: "M"'],
  ['-1', 'invalid size value: "-1"'],
  [' 1', 'invalid size value: " 1"'],
  ['1.5G', 'invalid size suffix: ".5G"'],
  ['1MB', 'invalid size suffix: "MB"'],
  ['1P', 'invalid size suffix: "P"'],
  ['1M\n', 'invalid size suffix: "M\\n"'],
  ['9999999T', 'invalid size value: "9999999T" is too large'],
];
for (const [text, message] of refused) {
  test(`${JSON.stringify(text)}: ${message}`, () => assert.throws(() => parseSize(text), { message }));
}

test('a size that is printed is read again as nearly the same', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31), (bytes) => {
      const [, number = '', suffix = ''] = /^([0-9.]+)([BKMGT])$/.exec(formatSize(bytes)) ?? [];
      const unit = parseSize(`1${suffix}`);
      assert.ok(Math.abs(Number(number) * unit - bytes) <= unit / 2, formatSize(bytes));
    }),
  );
});
