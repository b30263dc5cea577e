import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { matchName, nameProblem } from '../../../src/base/names.ts';

describe('names of objects', () => {
  const refused: readonly (readonly [name: string, problem: string])[] = [
    ['', 'name cannot be empty'],
    ['Web', 'name must start with a lowercase letter'],
    ['1web', 'name must start with a lowercase letter'],
    ['-web', 'name must start with a lowercase letter'],
    ['we_b', 'name may only contain lowercase letters, digits, and hyphens'],
    ['web.db', 'name may only contain lowercase letters, digits, and hyphens'],
    ['a/../b', 'name may only contain lowercase letters, digits, and hyphens'],
    ['web\n', 'name may only contain lowercase letters, digits, and hyphens'],
    [`a${'b'.repeat(64)}`, 'name must be at most 64 characters'],
  ];
  for (const [name, problem] of refused) {
    test(`${JSON.stringify(name.slice(0, 10))}: ${problem}`, () => {
      assert.equal(nameProblem(name), problem);
    });
  }

  test('just what ^[a-z][a-z0-9-]{0,63}$ matches is a name', () => {
    const texts = fc.oneof(fc.string(), fc.stringMatching(/^[a-z][a-z0-9-]{0,70}$/));
    fc.assert(
      fc.property(texts, (text) => {
        assert.equal(nameProblem(text) === undefined, /^[a-z][a-z0-9-]{0,63}$/.test(text));
      }),
    );
  });
});

describe('a beginning of a name', () => {
  const names = ['db', 'web', 'web-2', 'worker'];
  for (const [wanted, found] of [
    ['d', 'db'],
    ['web', 'web'],
    ['web-', 'web-2'],
    ['wo', 'worker'],
  ] as const) {
    test(`'${wanted}' means ${found}`, () => assert.equal(matchName(wanted, names), found));
  }
  for (const [wanted, message] of [
    ['w', "ambiguous name 'w', could match: web, web-2, worker"],
    ['x', "no container found matching 'x'"],
    ['webs', "no container found matching 'webs'"],
    ['', "no container found matching ''"],
  ] as const) {
    test(`'${wanted}': ${message}`, () => assert.throws(() => matchName(wanted, names), { message }));
  }
});
