import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SdmeError } from '../../../../src/base/errors.ts';
import { parseTar } from '../../../helpers/parse-tar.ts';
import {
  device,
  dir,
  entry,
  file,
  gnuLong,
  pax,
  paxRecord,
  rawHeader,
  symlink,
  tar,
} from '../../../helpers/raw-tar.ts';

/** Entries of all kinds, for the properties. */
const anyEntry = fc.oneof(
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.uint8Array({ maxLength: 1500 }))
    .map(([name, content]) => {
      const path = Buffer.from(name.map((byte) => (byte === 0 || byte === 0x2f ? 1 : byte)));
      return Buffer.concat([pax({ path }), file('x', Buffer.from(content))]);
    }),
  fc.string({ minLength: 1, maxLength: 90 }).map((name) => dir(`${name.replaceAll('\0', 'x')}/`)),
  fc.constant(gnuLong('L', 'long')).map((long) => Buffer.concat([long, symlink('s', 'target')])),
  fc.constant(device('3', 'null', 1, 3)),
);

test('property: what is read does not depend on how the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(anyEntry, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
      (parts, cuts) => {
        const archive = tar(...parts);
        const chunks: Buffer[] = [];
        for (let at = 0, i = 0; at < archive.length; i += 1) {
          const size = cuts[i % cuts.length] ?? 1;
          chunks.push(archive.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(parseTar(...chunks), parseTar(archive));
      },
    ),
    { numRuns: 200 },
  );
});

test('property: names of any bytes come back as they were', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (raw) => {
      const name = Buffer.from(raw.map((byte) => (byte === 0 ? 1 : byte)));
      const viaPax = parseTar(tar(Buffer.concat([pax({ path: name }), entry({ name: 'x', flag: '7' })])));
      const viaGnu = parseTar(tar(Buffer.concat([gnuLong('L', name), entry({ name: 'x', flag: '7' })])));
      assert.deepEqual(viaPax[0]?.name, name);
      assert.deepEqual(viaGnu[0]?.name, name);
    }),
  );
});

test('property: garbage and damaged archives end with an SdmeError or a list, and quickly', () => {
  const good = tar(
    pax({ path: 'a/b', mtime: '1.5' }),
    file('x', 'content'),
    gnuLong('L', 'name'),
    symlink('l', 't'),
    dir('d/'),
  );
  const damaged = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 20 })
    .map((edits) => {
      const copy = Buffer.from(good);
      for (const [at, byte] of edits) copy[at] = byte;
      return copy;
    });
  const field = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes));
  const forged = fc
    .record({ size: field, uid: field, mtime: field, flag: field, name: field, magic: field })
    .map((header) => tar(rawHeader(header), rawHeader(header)));
  fc.assert(
    fc.property(
      fc.oneof(
        damaged,
        forged,
        fc.uint8Array({ maxLength: 4096 }).map((bytes) => Buffer.from(bytes)),
      ),
      (archive) => {
        try {
          parseTar(archive);
        } catch (error) {
          assert.ok(error instanceof SdmeError, String(error));
          assert.equal(error.code, 'unpack.format');
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('a PAX record knows its own length', () => {
  assert.equal(paxRecord('path', 'a'.repeat(90)).toString(), `99 path=${'a'.repeat(90)}\n`);
});
