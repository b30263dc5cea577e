import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { importInput, importOptions } from '../../../../src/cli/parse/import-options.ts';
import { parseOptions } from '../../../../src/cli/parse/options.ts';
import { parseCommandLine } from '../../../../src/cli/program.ts';

const schema = z.strictObject({
  ...importOptions,
  name: z.string().optional(),
  detach: z.boolean().optional(),
});

/** The job's input that a command line asks for. */
function inputOf(...words: string[]): unknown {
  const parsed = parseCommandLine(['fs', 'import', ...words], 'sdme 0');
  assert.ok(parsed.kind === 'call', words.join(' '));
  const { name, detach: _, ...options } = parseOptions(schema, parsed.call.options);
  return importInput(parsed.call.operands[0] ?? '', name, options, '/home/me');
}

const defaults = { force: false, ociMode: 'auto', noCache: false, installPackages: 'auto' };

describe('flags of fs import become the input of fs.import', () => {
  const golden: readonly (readonly [words: readonly string[], changed: Record<string, unknown>])[] = [
    [[], {}],
    [['--name', 'box'], { name: 'box' }],
    [['-f'], { force: true }],
    [['--force'], { force: true }],
    [['--install-packages', 'yes'], { installPackages: 'yes' }],
    [['--oci-mode', 'app'], { ociMode: 'app' }],
    [['--base-fs', 'base'], { baseFs: 'base' }],
    [['--no-cache'], { noCache: true }],
    [['--platform', 'linux/arm64'], { platform: 'linux/arm64' }],
  ];
  for (const [words, changed] of golden) {
    test(words.join(' ') || 'none', () => {
      const source = 'docker.io/library/debian:trixie';
      assert.deepEqual(inputOf(source, ...words), { source, name: 'debian', ...defaults, ...changed });
    });
  }

  test('a path is taken from where the person is, a reference and a URL are as they are', () => {
    for (const [typed, source, name] of [
      ['./images/web.tar.zst', '/home/me/images/web.tar.zst', 'web'],
      ['images/web', '/home/me/images/web', 'web'],
      ['/srv/web', '/srv/web', 'web'],
      ['localhost:5000/team/app@sha256:00', 'localhost:5000/team/app@sha256:00', 'app'],
      ['https://example.org/web.tar', 'https://example.org/web.tar', 'web'],
    ] as const) {
      assert.deepEqual(inputOf(typed), { source, name, ...defaults });
    }
  });

  test('a source that suggests no name asks for one', () => {
    assert.throws(() => inputOf('./Web_Server'), {
      code: 'input.invalid',
      message: "cannot infer a valid rootfs name from './Web_Server'; use --name <name>",
    });
  });
});
