import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { onFirstCall } from './on-first-call.ts';

/** A call that runs on a thread of libuv's pool; the callback gets its result. */
export type PoolCall<Args extends readonly unknown[]> = (
  ...args: [...Args, (error: Error | null, result: number) => void]
) => void;

/**
 * The decompressors that Node is built with (zlib.h, zstd.h), which it exports to add-ons. Node's own streams
 * stop at the first zstd frame and at padding after gzip, and make a new buffer for each chunk; these do not.
 * Structures and state are Buffers and pointers of the caller; nothing is checked here.
 */
export interface Codecs {
  inflateInit2_(stream: Buffer, windowBits: number, version: Buffer, size: number): number;
  inflateReset(stream: Buffer): number;
  inflateEnd(stream: Buffer): number;
  readonly inflate: PoolCall<[stream: Buffer, flush: number]>;
  ZSTD_createDStream(): unknown;
  ZSTD_freeDStream(state: unknown): number;
  ZSTD_DCtx_setParameter(state: unknown, parameter: number, value: number): number;
  ZSTD_isError(result: number): number;
  ZSTD_getErrorName(result: number): string;
  readonly ZSTD_decompressStream: PoolCall<[state: unknown, output: Buffer, input: Buffer]>;
  /** The address of a buffer's first byte. The buffer must outlive its use. */
  address(buffer: Buffer): bigint;
}

/** The decompressors of this process. */
export const codecs: () => Codecs = onFirstCall(() => {
  const koffi: typeof Koffi = createRequire(import.meta.url)('koffi');
  const node = koffi.load(null);
  return {
    inflateInit2_: node.func('inflateInit2_', 'int', ['void*', 'int', 'void*', 'int']),
    inflateReset: node.func('inflateReset', 'int', ['void*']),
    inflateEnd: node.func('inflateEnd', 'int', ['void*']),
    inflate: node.func('inflate', 'int', ['void*', 'int']).async,
    ZSTD_createDStream: node.func('ZSTD_createDStream', 'void*', []),
    ZSTD_freeDStream: node.func('ZSTD_freeDStream', 'size_t', ['void*']),
    ZSTD_DCtx_setParameter: node.func('ZSTD_DCtx_setParameter', 'size_t', ['void*', 'int', 'int']),
    ZSTD_isError: node.func('ZSTD_isError', 'uint', ['size_t']),
    ZSTD_getErrorName: node.func('ZSTD_getErrorName', 'str', ['size_t']),
    ZSTD_decompressStream: node.func('ZSTD_decompressStream', 'size_t', ['void*', 'void*', 'void*']).async,
    address: (buffer) => koffi.address(buffer),
  };
});
