import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameProblem } from '../../../src/base/names.ts';
import { generateName } from '../../../src/nspawn/generate-name.ts';

test('a generated name is a valid object name', () => {
  for (let i = 0; i < 200; i += 1) assert.equal(nameProblem(generateName(new Set())), undefined);
});

test('a generated name avoids those in use, also when the same word comes up again and again', () => {
  const used = new Set<string>();
  for (let i = 0; i < 30; i += 1) {
    let calls = 0;
    const name = generateName(used, (limit) => {
      calls += 1;
      return calls < 400 ? 0 : calls % limit;
    });
    assert.equal(used.has(name), false);
    assert.equal(nameProblem(name), undefined);
    used.add(name);
  }
});

test('when nothing is free the person is told to give a name', () => {
  class Everything extends Set<string> {
    override has(): boolean {
      return true;
    }
  }
  assert.throws(() => generateName(new Everything()), /give one with --name/);
});
