import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import type { PoolCall } from './codecs.ts';

/** What is used of Intel's ISA-L (igzip_lib.h, Debian package libisal2). The state is a Buffer of the caller. */
export interface Isal {
  isal_inflate_init(state: Buffer): void;
  isal_inflate_reset(state: Buffer): void;
  readonly isal_inflate: PoolCall<[state: Buffer]>;
  /** The address of a buffer's first byte. The buffer must outlive its use. */
  address(buffer: Buffer): bigint;
}

/** Loads the library by its name in the system's own directories; undefined where it is not installed. */
export function loadIsal(): Isal | undefined {
  const koffi: typeof Koffi = createRequire(import.meta.url)('koffi');
  let library: Koffi.LibraryHandle;
  try {
    library = koffi.load('libisal.so.2');
  } catch {
    return undefined;
  }
  return {
    isal_inflate_init: library.func('isal_inflate_init', 'void', ['void*']),
    isal_inflate_reset: library.func('isal_inflate_reset', 'void', ['void*']),
    isal_inflate: library.func('isal_inflate', 'int', ['void*']).async,
    address: (buffer) => koffi.address(buffer),
  };
}
