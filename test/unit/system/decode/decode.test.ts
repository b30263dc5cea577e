import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { SdmeError } from '../../../../src/base/errors.ts';
import { decoderFor, detectCoding } from '../../../../src/system/decode/detect.ts';

/** Decodes data that comes in pieces into an output of a size of its own. */
async function decode(data: Buffer, inputSize: number, outputSize: number): Promise<Buffer> {
  using decoder = decoderFor(detectCoding(data));
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

test('property: gzip members, zstd frames and plain bytes decode alike, however they are cut', async () => {
  const content = fc.array(fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 300 })), {
    minLength: 1,
    maxLength: 4,
  });
  const sizes = fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }));
  await fc.assert(
    fc.asyncProperty(
      content,
      sizes,
      fc.constantFrom(gzipSync, zstdCompressSync),
      async (parts, [inputSize, outputSize], compress) => {
        const pieces = parts.map(([bytes, times]) => Buffer.concat(Array(times).fill(Buffer.from(bytes))));
        const data = Buffer.concat(pieces.map((piece) => compress(piece)));
        assert.deepEqual(await decode(data, inputSize, outputSize * 20), Buffer.concat(pieces));
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
          await decode(data, 64, 100);
        } catch (error) {
          assert.ok(error instanceof SdmeError && error.code === 'unpack.format', String(error));
        }
      },
    ),
    { numRuns: 300 },
  );
});

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
