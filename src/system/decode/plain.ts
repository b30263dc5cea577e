import type { Decoder } from './decoder.ts';

/** Bytes that are not compressed, copied. */
export function plainDecoder(): Decoder {
  return {
    decode: (input, output) => {
      const copied = input.buffer.copy(output, 0, input.start, input.end);
      input.start += copied;
      return Promise.resolve(copied);
    },
    finish: () => {},
    [Symbol.dispose]: () => {},
  };
}
