import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newUlid } from '../../../src/base/ulid.ts';
import { hostPing } from '../../../src/contracts/host-ping.ts';
import {
  argumentDigest,
  canonicalJson,
  maxEnvelopeBytes,
  newJobBody,
  openEnvelope,
  sealEnvelope,
} from '../../../src/queue/envelope.ts';

const body = newJobBody(hostPing, { payload: 'x' }, { host: 'h1', idempotencyKey: 'k' });
const expected = { id: body.id, host: 'h1', queue: 'control' };
const invalid = { code: 'job.envelope-invalid' };

test('what was sealed is opened unchanged', () => {
  assert.deepEqual(openEnvelope(sealEnvelope(body), expected), body);
});

test('an envelope for another id, host or queue is refused', () => {
  const sealed = sealEnvelope(body);
  assert.throws(() => openEnvelope(sealed, { ...expected, id: newUlid() }), invalid);
  assert.throws(() => openEnvelope(sealed, { ...expected, host: 'h2' }), invalid);
  assert.throws(() => openEnvelope(sealed, { ...expected, queue: 'bulk' }), invalid);
});

test('an unknown field in the envelope or its body is refused', () => {
  assert.throws(() => openEnvelope({ ...sealEnvelope(body), x: 1 }, expected), invalid);
  const more = { t: sealEnvelope(body).t, p: JSON.stringify({ ...body, isAdmin: true }), s: [] };
  assert.throws(() => openEnvelope(more, expected), invalid);
  const proto = { ...more, p: JSON.stringify(body).replace('{', '{"__proto__":{"isAdmin":true},') };
  assert.throws(() => openEnvelope(proto, expected), invalid);
});

test('a body above the limit is refused on both sides, counted in bytes', () => {
  const large = { ...body, input: { payload: 'ü'.repeat(maxEnvelopeBytes / 2) } };
  assert.throws(() => sealEnvelope(large), { code: 'input.invalid' });
  const sealed = { ...sealEnvelope(body), p: JSON.stringify(large) };
  assert.ok(sealed.p.length < maxEnvelopeBytes);
  assert.throws(() => openEnvelope(sealed, expected), /larger than/);
});

test('whatever the queue holds, opening it gives a body or the error of the catalogue', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        fc.record({ t: fc.constant(sealEnvelope(body).t), p: fc.string(), s: fc.constant([]) }),
      ),
      (data) => {
        assert.throws(() => openEnvelope(data, expected), invalid);
      },
    ),
  );
});

test('the digest of arguments does not depend on the order of keys, and tells different ones apart', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (input) => {
      const turned = Object.fromEntries(Object.entries(input).reverse());
      const of = (value: unknown) => argumentDigest({ kind: 'k', host: 'h', input: value });
      assert.equal(of(input), of(turned));
      assert.notEqual(of(input), of({ ...input, [`${Object.keys(input).join()}x`]: 1 }));
      // JSON.parse of Node.js 24 takes a key of one character that is written with an escape, say `\"`, for the key `\\`
      // once it has read an object with that one.
      if (JSON.stringify(input).includes('\\')) return;
      assert.deepEqual(JSON.parse(canonicalJson(input)), JSON.parse(JSON.stringify(input)));
    }),
  );
});
