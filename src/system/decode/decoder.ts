import { SdmeError } from '../../base/errors.ts';

/** Bytes to decode: `buffer[start..end)`; the decoder moves `start`. */
export interface Input {
  readonly buffer: Buffer;
  start: number;
  end: number;
}

/** Turns compressed bytes into plain ones, one call at a time, off this thread. Buffers must stay untouched meanwhile. */
export interface Decoder extends Disposable {
  /**
   * Decodes from `input` into `output` until one of them is used up; returns the bytes put into `output`.
   * 0 with `input` used up means that more input is needed.
   * @throws SdmeError `unpack.format`
   */
  decode(input: Input, output: Buffer): Promise<number>;
  /** Says that there is no more input. @throws SdmeError `unpack.format` when it ended in the middle */
  finish(): void;
}

/** Compressed data that cannot be decoded. */
export function damaged(what: string): SdmeError {
  return new SdmeError('unpack.format', what);
}
