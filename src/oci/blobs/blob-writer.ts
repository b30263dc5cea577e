import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { splitDigest } from '../../base/digests.ts';
import type { Descriptor } from '../descriptors.ts';
import { hashFor, mismatch } from '../digest-check.ts';
import { appendStream, writeAll } from './append-stream.ts';

/** Bytes of a kept beginning that are read at once when it is hashed again. */
const rereadSize = 256 * 1024;

/** A file being filled with a blob; every byte is hashed once, as it passes. */
export interface BlobWriter {
  /** Bytes written and hashed so far. */
  length(): number;
  /** A stream that appends; more than the blob's size is refused at once. End or destroy it before the next. */
  sink(onBytes: (count: number) => void): Writable;
  /** Begins again with nothing. */
  restart(): Promise<void>;
  /** @throws SdmeError `oci.digest-mismatch` unless size and digest are the descriptor's */
  check(): void;
}

/** Opens a writer on a file that may hold the beginning of the blob already; that beginning is read and hashed. */
export async function openBlobWriter(
  handle: FileHandle,
  wanted: Descriptor,
  what: string,
  signal: AbortSignal,
): Promise<BlobWriter> {
  let hash = hashFor(wanted.digest);
  let length = await rehash(handle, hash, wanted.size, signal);
  const restart = async (): Promise<void> => {
    await handle.truncate(0);
    hash = hashFor(wanted.digest);
    length = 0;
  };
  const append = async (chunks: readonly Buffer[]): Promise<number> => {
    const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length + total > wanted.size) {
      throw mismatch(what, `${wanted.size} bytes`, `more than ${wanted.size} bytes`);
    }
    for (const chunk of chunks) hash.update(chunk);
    await writeAll(handle, chunks, length);
    length += total;
    return total;
  };
  return {
    length: () => length,
    restart,
    sink: (onBytes) => appendStream(append, onBytes),
    check: () => {
      if (length !== wanted.size) throw mismatch(what, `${wanted.size} bytes`, `${length} bytes`);
      const { algorithm } = splitDigest(wanted.digest);
      // A copy, so that a check does not end the hash.
      const found = `${algorithm}:${hash.copy().digest('hex')}`;
      if (found !== wanted.digest) throw mismatch(what, wanted.digest, found);
    },
  };
}

/** Hashes what the file holds; a file longer than the blob is no beginning of it and is emptied. */
async function rehash(handle: FileHandle, hash: Hash, size: number, signal: AbortSignal): Promise<number> {
  const { size: present } = await handle.stat();
  if (present > size) await handle.truncate(0);
  if (present === 0 || present > size) return 0;
  const buffer = Buffer.allocUnsafe(rereadSize);
  let length = 0;
  while (length < present) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, length);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  return length;
}
