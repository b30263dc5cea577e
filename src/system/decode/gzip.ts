import { type Codecs, codecs } from '../ffi/codecs.ts';
import { type Decoder, damaged, type Input } from './decoder.ts';

/** z_stream of zlib.h on 64-bit little-endian machines. */
const size = 112;
const nextIn = 0;
const availIn = 8;
const nextOut = 24;
const availOut = 32;

const Z_OK = 0;
const Z_STREAM_END = 1;
const Z_BUF_ERROR = -5;
/** 15: the largest window; 16: gzip, not zlib. */
const gzipWindow = 15 + 16;

/** Where the decoder is: before a member, inside one, or in the zeros that may pad the end. */
type Place = 'between' | 'inside' | 'padding';

function call(stream: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    codecs().inflate(stream, 0, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

/**
 * gzip (RFC 1952): any number of members, then nothing or zeros. Other bytes after a member, a wrong CRC or length
 * and a cut end are errors (catalogue F7-F9).
 */
export function gzipDecoder(): Decoder {
  const zlib: Codecs = codecs();
  const stream = Buffer.alloc(size);
  if (zlib.inflateInit2_(stream, gzipWindow, Buffer.from('1\0'), size) !== Z_OK) {
    throw damaged('zlib cannot be started');
  }
  let place: Place = 'between';

  const enter = (input: Input): void => {
    if (place !== 'between') return;
    if (input.buffer[input.start] === 0) {
      place = 'padding';
      return;
    }
    zlib.inflateReset(stream);
    place = 'inside';
  };

  return {
    decode: async (input, output) => {
      if (input.start === input.end) return 0;
      enter(input);
      if (place === 'padding') {
        skipZeros(input);
        return 0;
      }
      const offered = input.end - input.start;
      stream.writeBigUInt64LE(zlib.address(input.buffer) + BigInt(input.start), nextIn);
      stream.writeUInt32LE(offered, availIn);
      stream.writeBigUInt64LE(zlib.address(output), nextOut);
      stream.writeUInt32LE(output.length, availOut);
      const result = await call(stream);
      input.start = input.end - stream.readUInt32LE(availIn);
      if (result === Z_STREAM_END) place = 'between';
      else if (result !== Z_OK && result !== Z_BUF_ERROR) throw damaged('the gzip data is damaged');
      return output.length - stream.readUInt32LE(availOut);
    },
    finish: () => {
      if (place === 'inside') throw damaged('the gzip data is cut off');
    },
    [Symbol.dispose]: () => {
      zlib.inflateEnd(stream);
    },
  };
}

/** Passes over the zeros that may pad the end. @throws SdmeError `unpack.format` at anything else */
export function skipZeros(input: Input): void {
  for (; input.start < input.end; input.start += 1) {
    if (input.buffer[input.start] !== 0) throw damaged('there is garbage after the gzip data');
  }
}
