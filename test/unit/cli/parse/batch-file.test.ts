import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { SdmeError } from '../../../../src/base/errors.ts';
import { batchMost, parseBatchFile } from '../../../../src/cli/parse/batch-file.ts';

const defaults = { cache: true };
const parse = (text: string) => parseBatchFile(text, defaults, '/home/me');

/** What is said about a batch that is not valid. */
function refusal(text: string): string {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof SdmeError && error.code === 'input.invalid', String(error));
    return error.message;
  }
  return assert.fail('it was accepted');
}

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const names = fc.uniqueArray(name, { minLength: 1, maxLength: 30 });

describe('parseBatchFile', () => {
  test('one source a line, with comments and blank lines between, gives those sources in order', () => {
    fc.assert(
      fc.property(
        names,
        fc.array(fc.constantFrom('', '  ', '# note', '  # more'), { maxLength: 5 }),
        (all, noise) => {
          const lines = all.flatMap((one) => [...noise, ` docker.io/library/${one}:1 `]);
          const inputs = parse(lines.join('\n'));
          assert.deepEqual(
            inputs.map(({ source }) => source),
            all.map((one) => `docker.io/library/${one}:1`),
          );
          assert.deepEqual(
            inputs.map((input) => input.name),
            all,
          );
        },
      ),
    );
  });

  test('a YAML list of the same sources and names gives the same imports', () => {
    fc.assert(
      fc.property(names, (all) => {
        const entries = all.map((one) => ({
          source: `localhost:5000/x/${one}@sha256:${'0'.repeat(64)}`,
          name: one,
        }));
        assert.deepEqual(
          parse(stringify(entries)).map((input) => input.name),
          all,
        );
      }),
    );
  });

  test("an entry's own options override those of the command line, which all others get", () => {
    const text = '- docker.io/library/a\n- source: ./b.tar\n  options: {force: false, cache: false}\n';
    const [first, second] = parseBatchFile(text, { cache: true, force: true, ociMode: 'base' }, '/home/me');
    assert.deepEqual([first?.force, first?.noCache, first?.ociMode], [true, false, 'base']);
    assert.deepEqual([second?.force, second?.noCache, second?.source], [false, true, '/home/me/b.tar']);
  });

  test('every faulty line is named by its number, and nothing is accepted', () => {
    const message = refusal('docker.io/library/good\n\n# note\ndocker.io/UPPER/_bad_\n./ok.tar\n./-.tar\n');
    assert.match(message, /nothing was submitted/);
    assert.match(message, /line 4: cannot infer a valid rootfs name.*; name it in a batch written in YAML/);
    assert.match(message, /line 6: cannot infer/);
    assert.doesNotMatch(message, /line [125]:/);
  });

  test('two imports under one name are refused with both lines', () => {
    assert.match(
      refusal('docker.io/library/debian:trixie\n# x\nquay.io/library/debian:12\n'),
      /line 3: the name 'debian' is that of line 1 too/,
    );
  });

  const yaml: readonly (readonly [what: string, text: string, says: RegExp])[] = [
    ['an unknown key', '- docker.io/library/a\n- source: docker.io/library/b\n  nmae: c\n', /line 2: .*nmae/],
    ['a number', '- 7\n', /line 1: expected a source/],
    ['no source', '- name: x\n', /line 1: source: /],
    ['an unknown option', '- source: docker.io/library/b\n  options: {froce: true}\n', /line 1: .*froce/],
    [
      'an invalid name',
      '- a.tar\n- {source: b.tar, name: B}\n',
      /line 2: .*must start with a lowercase letter/,
    ],
    ['an alias', '- &a {source: b.tar}\n- *a\n', /line 2: .*alias/i],
    ['broken YAML', '- a.tar\n- {source: b.tar\n', /line \d/],
    ['a map', '---\nsource: a.tar\n', /expected a list/],
  ];
  for (const [what, text, says] of yaml) {
    test(`YAML with ${what} is refused with its line`, () => {
      assert.match(refusal(text), says);
    });
  }

  test('a file that names no source is refused', () => {
    assert.match(refusal('# nothing\n\n'), /it names no source/);
  });

  test('ten thousand sources are accepted, one more is not', () => {
    const lines = Array.from({ length: batchMost + 1 }, (_, index) => `docker.io/library/r${index}`);
    assert.equal(parse(lines.slice(0, batchMost).join('\n')).length, batchMost);
    assert.match(refusal(lines.join('\n')), /10001 sources are more than the 10000/);
  });
});
