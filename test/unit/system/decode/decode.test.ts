import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { SdmeError } from '../../../../src/base/errors.ts';
import type { Decoder } from '../../../../src/system/decode/decoder.ts';
import { decoderFor, detectCoding } from '../../../../src/system/decode/detect.ts';
import { gzipDecoder } from '../../../../src/system/decode/gzip.ts';
import { igzipDecoders } from '../../../../src/system/decode/igzip.ts';

/** Decodes data that comes in pieces into an output of a size of its own. */
async function decode(
  data: Buffer,
  inputSize: number,
  outputSize: number,
  gzip: () => Decoder,
): Promise<Buffer> {
  using decoder = decoderFor(detectCoding(data), gzip);
  const output = Buffer.alloc(outputSize);
  const parts: Buffer[] = [];
  for (let at = 0; at < data.length; at += inputSize) {
    const buffer = data.subarray(at, at + inputSize);
    const input = { buffer, start: 0, end: buffer.length };
    for (;;) {
      const length = await decoder.decode(input, output);
      parts.push(Buffer.from(output.subarray(0, length)));
      if (length === 0 && input.start === input.end) break;
    }
  }
  decoder.finish();
  return Buffer.concat(parts);
}

const decoders = { zlib: gzipDecoder, 'ISA-L': igzipDecoders() };

for (const [name, found] of Object.entries(decoders)) {
  const gzip = found ?? gzipDecoder;
  const skip = found === undefined ? 'libisal2 is not installed' : false;
  describe(`gzip by ${name}`, { skip }, () => {
    test('property: gzip members, zstd frames and plain bytes decode alike, however they are cut', async () => {
      const content = fc.array(
        fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 300 })),
        {
          minLength: 1,
          maxLength: 4,
        },
      );
      const sizes = fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }));
      await fc.assert(
        fc.asyncProperty(
          content,
          sizes,
          fc.constantFrom(gzipSync, zstdCompressSync),
          async (parts, [inputSize, outputSize], compress) => {
            const pieces = parts.map(([bytes, times]) =>
              Buffer.concat(Array(times).fill(Buffer.from(bytes))),
            );
            const data = Buffer.concat(pieces.map((piece) => compress(piece)));
            assert.deepEqual(await decode(data, inputSize, outputSize * 20, gzip), Buffer.concat(pieces));
          },
        ),
        { numRuns: 40 },
      );
    });

    test('property: damaged data ends with an error or other bytes, never a crash', async () => {
      const text = Buffer.from('some text that repeats itself, '.repeat(200));
      const edits = fc.array(fc.tuple(fc.nat(100), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 5,
      });
      await fc.assert(
        fc.asyncProperty(
          edits,
          fc.constantFrom(gzipSync(text), zstdCompressSync(text)),
          async (changes, good) => {
            const data = Buffer.from(good);
            for (const [at, byte] of changes) data[at % data.length] = byte;
            try {
              await decode(data, 64, 100, gzip);
            } catch (error) {
              assert.ok(error instanceof SdmeError && error.code === 'unpack.format', String(error));
            }
          },
        ),
        { numRuns: 300 },
      );
    });

    test('a wrong CRC, reserved flags, garbage behind a member and a cut end are errors, also byte by byte', async () => {
      const good = gzipSync('some text');
      const changed = (at: number, byte: number): Buffer => {
        const copy = Buffer.from(good);
        copy[at] = byte;
        return copy;
      };
      const bad = [
        changed(good.length - 8, (good[good.length - 8] ?? 0) ^ 1),
        changed(good.length - 4, (good[good.length - 4] ?? 0) ^ 1),
        changed(3, 0x20),
        Buffer.concat([good, Buffer.from('garbage')]),
        Buffer.concat([good, Buffer.alloc(3), Buffer.from('x')]),
        good.subarray(0, -1),
        Buffer.concat([good, good.subarray(0, 7)]),
      ];
      for (const [index, data] of bad.entries()) {
        for (const size of [1, 1000]) {
          await assert.rejects(
            decode(data, size, 100, gzip),
            { code: 'unpack.format' },
            `case ${index}, by ${size}`,
          );
        }
      }
    });
  });
}

test('codings are told by their first bytes', () => {
  assert.equal(detectCoding(gzipSync('x')), 'gzip');
  assert.equal(detectCoding(zstdCompressSync('x')), 'zstd');
  assert.equal(detectCoding(Buffer.from([0x5f, 0x2a, 0x4d, 0x18])), 'zstd');
  assert.equal(detectCoding(Buffer.from('BZh9')), 'bzip2');
  assert.equal(detectCoding(Buffer.from([0xfd, 0x37, 0x7a, 0x58])), 'xz');
  for (const plain of [Buffer.alloc(0), Buffer.from('usr/'), deflateRawSync('x'), Buffer.from([0x1f])]) {
    assert.equal(detectCoding(plain), 'plain');
  }
});
