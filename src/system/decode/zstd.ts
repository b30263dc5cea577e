import { codecs } from '../ffi/codecs.ts';
import { type Decoder, damaged } from './decoder.ts';

/** ZSTD_d_windowLogMax: larger windows are refused, as RFC 8878 allows; zstd's own default too (F12). */
const windowLogMaxParameter = 100;
const windowLogMax = 27;

/** ZSTD_inBuffer and ZSTD_outBuffer of zstd.h on 64-bit little-endian machines: pointer, size, position. */
function bufferStructure(address: bigint, length: number): Buffer {
  const structure = Buffer.alloc(24);
  structure.writeBigUInt64LE(address, 0);
  structure.writeBigUInt64LE(BigInt(length), 8);
  return structure;
}

function position(structure: Buffer): number {
  return Number(structure.readBigUInt64LE(16));
}

function call(state: unknown, output: Buffer, input: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    codecs().ZSTD_decompressStream(state, output, input, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

/** Zstandard (RFC 8878): any number of frames and skippable frames, nothing after them. */
export function zstdDecoder(): Decoder {
  const zstd = codecs();
  const state = zstd.ZSTD_createDStream();
  zstd.ZSTD_DCtx_setParameter(state, windowLogMaxParameter, windowLogMax);
  let inside = true;
  /** The last call filled its output, so that the decoder may hold more without needing input. */
  let full = false;
  return {
    decode: async (input, output) => {
      if (input.start === input.end && !full) return 0;
      const from = bufferStructure(zstd.address(input.buffer) + BigInt(input.start), input.end - input.start);
      const to = bufferStructure(zstd.address(output), output.length);
      const result = await call(state, to, from);
      if (zstd.ZSTD_isError(result) !== 0) {
        throw damaged(`the zstd data is damaged: ${zstd.ZSTD_getErrorName(result)}`);
      }
      input.start += position(from);
      inside = result !== 0;
      full = inside && position(to) === output.length;
      return position(to);
    },
    finish: () => {
      if (inside) throw damaged('the zstd data is cut off');
    },
    [Symbol.dispose]: () => {
      zstd.ZSTD_freeDStream(state);
    },
  };
}
