import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatReference, parseReference, registryHost } from '../../../src/oci/references.ts';

const hex = 'a'.repeat(64);

const refused = [
  'UPPER/x',
  'a//b',
  'a/../b',
  '%2e%2e',
  'a b',
  'a\tb',
  'a\nb',
  'x\0',
  `${'a'.repeat(300)}`,
  'x:',
  'x@sha256:zz',
  'x@md5:d41d8cd98f00b204e9800998ecf8427e',
  `x@sha256:${hex.toUpperCase()}`,
  `x@sha256:${hex.slice(1)}`,
  'http://x',
  'user:pw@h/x',
  'h:99999/x',
  'h:0/x',
  `x:${'t'.repeat(129)}`,
  'x:-t',
  '',
  '/x',
  'x/',
  'localhost/',
  '[::1]/',
  '[::1/x',
  'h.example/X',
  'ünï.example/x',
  'x@../../etc/shadow',
  '-a.example/x',
] as const;

for (const text of refused) {
  test(`${JSON.stringify(text).slice(0, 60)} is no reference (G14)`, () => {
    assert.throws(() => parseReference(text), { code: 'oci.reference-invalid' });
  });
}

const accepted: readonly (readonly [text: string, full: string])[] = [
  ['localhost/x', 'localhost/x:latest'],
  ['localhost:5000/x', 'localhost:5000/x:latest'],
  ['h:5000/x', 'h:5000/x:latest'],
  ['[::1]:5000/x', '[::1]:5000/x:latest'],
  ['[::1]/x:t', '[::1]/x:t'],
  ['x', 'docker.io/library/x:latest'],
  ['x:t', 'docker.io/library/x:t'],
  ['a/b', 'docker.io/a/b:latest'],
  [`x@sha256:${hex}`, `docker.io/library/x@sha256:${hex}`],
  [`x:t@sha256:${hex}`, `docker.io/library/x:t@sha256:${hex}`],
  [`x@sha512:${hex}${hex}`, `docker.io/library/x@sha512:${hex}${hex}`],
  ['docker.io/x', 'docker.io/library/x:latest'],
  ['index.docker.io/x', 'docker.io/library/x:latest'],
  ['docker.io/library/debian:trixie', 'docker.io/library/debian:trixie'],
  ['ex.example/a/b__c/d--e.f:1.0_x', 'ex.example/a/b__c/d--e.f:1.0_x'],
];

for (const [text, full] of accepted) {
  test(`${text.slice(0, 40)} means ${full.slice(0, 40)} (G15, G16)`, () => {
    const reference = parseReference(text);
    assert.equal(formatReference(reference), full);
    assert.deepEqual(parseReference(full), reference);
  });
}

test('with a tag and a digest both are kept, and the digest is what counts', () => {
  const { tag, digest } = parseReference(`x:t@sha256:${hex}`);
  assert.deepEqual([tag, digest], ['t', `sha256:${hex}`]);
});

test('docker.io is served by registry-1.docker.io, others by themselves', () => {
  assert.equal(registryHost('docker.io'), 'registry-1.docker.io');
  assert.equal(registryHost('h:5000'), 'h:5000');
});

test('whatever is accepted is safe in a URL path and reads the same again', () => {
  const part = fc.stringMatching(/^[A-Za-z0-9:@/._\-%[\]]{0,40}$/);
  fc.assert(
    fc.property(fc.oneof(part, fc.string()), (text) => {
      let full: string;
      try {
        full = formatReference(parseReference(text));
      } catch {
        return;
      }
      const { repository, tag } = parseReference(full);
      assert.match(repository, /^[a-z0-9]+([._/-]+[a-z0-9]+)*$/);
      assert.ok(!repository.split('/').some((component) => component === '..' || component === ''));
      assert.match(tag ?? 'x', /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/);
      assert.equal(formatReference(parseReference(full)), full);
    }),
    { numRuns: 2000 },
  );
});
