import type { Code } from '../code.ts';
import {
  type Architecture,
  headerSize,
  newWriter,
  plainStack,
  programHeaderSize,
  type Segment,
  segmentFlags,
  segmentTypes,
  writeHeaders,
} from './bytes.ts';

/** Where the only segment lies in memory: the traditional base of a non-relocatable program. */
const baseAddress = 0x400000;

/**
 * A static ELF64 executable whose first instruction is the first byte of `code`: one read and execute
 * segment, no sections, nothing writable.
 */
export function writeExecutable(architecture: Architecture, code: Code): Uint8Array {
  const { bytes } = code.finish();
  const start = headerSize + 2 * programHeaderSize;
  const size = start + bytes.length;
  const text: Segment = {
    type: segmentTypes.load,
    flags: segmentFlags.read | segmentFlags.execute,
    offset: 0,
    address: baseAddress,
    fileSize: size,
    memorySize: size,
    // The largest page size of the architectures, so that any kernel can map it.
    align: 0x10000,
  };
  const writer = newWriter(size);
  writeHeaders(writer, {
    type: 'executable',
    architecture,
    entry: baseAddress + start,
    segments: [text, plainStack],
  });
  writer.put(bytes);
  return writer.bytes;
}
