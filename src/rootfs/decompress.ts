import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { SdmeError } from '../base/errors.ts';
import { startFilter, startPipeFilter } from '../system/exec/filter.ts';
import type { Compression } from './magic.ts';

/** Memory of a decompressor; `xz -9` needs 65 MiB, larger dictionaries are made by hand. */
const filterMemory = 512 * 1024 * 1024;

/** What makes bzip2 and xz write the plain bytes of standard input to standard output. */
const decompress = ['-d', '-c'];

/** The plain bytes of a compressed file. Disposing ends whatever makes them. */
export interface PlainBytes extends AsyncDisposable {
  readonly stream: Readable;
  /** After the end of `stream`: whether the file was whole. @throws SdmeError `unpack.format` */
  check(): Promise<void>;
}

function damaged(path: string, cause: unknown): SdmeError {
  return new SdmeError('unpack.format', `${path} is damaged or cut short: it cannot be decompressed`, {
    cause,
  });
}

function filtered(
  path: string,
  handle: FileHandle,
  program: 'bzip2' | 'xz',
  signal: AbortSignal,
): PlainBytes {
  const filter = startFilter(program, decompress, { input: handle.fd, memory: filterMemory, signal });
  return {
    stream: filter.output,
    check: async () => {
      try {
        await filter.check();
      } catch (cause) {
        signal.throwIfAborted();
        throw damaged(path, cause);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await filter[Symbol.asyncDispose]();
      await handle.close();
    },
  };
}

function decoded(path: string, handle: FileHandle, decoder: NodeJS.ReadWriteStream & Readable): PlainBytes {
  const source = handle.createReadStream({ autoClose: false, start: 0 });
  let problem: unknown;
  source.once('error', (error) => void decoder.destroy(error));
  decoder.once('error', (error: Error) => {
    problem = error;
  });
  source.pipe(decoder);
  return {
    stream: decoder,
    check: () => (problem === undefined ? Promise.resolve() : Promise.reject(damaged(path, problem))),
    [Symbol.asyncDispose]: async () => {
      source.destroy();
      decoder.destroy();
      await handle.close();
    },
  };
}

/**
 * Opens a file for reading its plain bytes. bzip2 and xz run as unprivileged children; gzip and zstd are decoded
 * by zlib's threads. A stream that breaks off throws while it is read.
 */
export async function openPlain(
  path: string,
  compression: Compression,
  signal: AbortSignal,
): Promise<PlainBytes> {
  const handle = await open(path, 'r');
  switch (compression) {
    case 'none': {
      const stream = handle.createReadStream({ autoClose: false });
      const close = async (): Promise<void> => {
        stream.destroy();
        await handle.close();
      };
      return { stream, check: () => Promise.resolve(), [Symbol.asyncDispose]: close };
    }
    case 'gzip':
      return decoded(path, handle, createGunzip());
    case 'zstd':
      return decoded(path, handle, createZstdDecompress());
    case 'bzip2':
    case 'xz':
      return filtered(path, handle, compression, signal);
  }
}

/** A decompressor whose output is a pipe for the unpacker. */
export interface PlainPipe extends AsyncDisposable {
  readonly handle: FileHandle;
  /** After the end of the pipe: whether the file was whole. @throws SdmeError `unpack.format` */
  check(): Promise<void>;
}

/** Opens a file the unpacker cannot decompress itself. `directory`: see `startPipeFilter`. */
export async function openPlainPipe(
  path: string,
  program: 'bzip2' | 'xz',
  directory: string,
  signal: AbortSignal,
): Promise<PlainPipe> {
  const source = await open(path, 'r');
  try {
    const options = { input: source.fd, memory: filterMemory, signal, directory };
    const filter = await startPipeFilter(program, decompress, options);
    return {
      handle: filter.output,
      check: async () => {
        try {
          await filter.check();
        } catch (cause) {
          signal.throwIfAborted();
          throw damaged(path, cause);
        }
      },
      [Symbol.asyncDispose]: () => filter[Symbol.asyncDispose](),
    };
  } finally {
    await source.close();
  }
}
