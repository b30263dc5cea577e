import { closeSync, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SdmeError } from '../../base/errors.ts';
import { streamPair } from '../../system/descriptor-passing.ts';

/** A file that something else is still writing, in order. Its layer's size must be given. */
export interface GrowingFile {
  readonly handle: FileHandle;
  /** Settles when more than `have` bytes are there, with how many. @throws why they do not come */
  beyond(have: number): Promise<number>;
}

/** Where a layer's bytes are: a path, an open file that is read from where it stands, one that grows, or a stream. */
export type LayerSource = string | FileHandle | GrowingFile | Readable;

/** A layer's bytes as a descriptor for another process. */
export interface OpenLayer extends AsyncDisposable {
  readonly fd: number;
  /** Settles when the whole source was handed over. @throws the error of a stream */
  readonly complete: Promise<void>;
  /** Of a {@link GrowingFile}. */
  readonly beyond?: GrowingFile['beyond'];
}

const nothing = Promise.resolve();

/** Opens a layer's source. @throws SdmeError `io`; `unpack.format` when a path is no regular file (F18) */
export async function openLayer(source: LayerSource): Promise<OpenLayer> {
  if (typeof source === 'string') return openPath(source);
  // A stream over a file has a descriptor too, but may be a part of the file.
  if (source instanceof Readable) return openStream(source);
  if ('beyond' in source) {
    const beyond = (have: number): Promise<number> => source.beyond(have);
    return { fd: source.handle.fd, complete: nothing, beyond, [Symbol.asyncDispose]: () => nothing };
  }
  return { fd: source.fd, complete: nothing, [Symbol.asyncDispose]: () => nothing };
}

async function openPath(path: string): Promise<OpenLayer> {
  let file: FileHandle;
  try {
    // Opening a fifo must not wait for its other end.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw new SdmeError('io', `cannot open the layer ${path}`, { cause });
  }
  const close = (): Promise<void> => file.close();
  if ((await file.stat()).isFile()) return { fd: file.fd, complete: nothing, [Symbol.asyncDispose]: close };
  await close();
  throw new SdmeError('unpack.format', `the layer ${path} is not a regular file`);
}

function openStream(source: Readable): OpenLayer {
  const [ours, theirs] = streamPair();
  const complete = pipeline(source, new Socket({ fd: ours, readable: false, writable: true }));
  complete.catch(() => {});
  return {
    fd: theirs,
    complete,
    [Symbol.asyncDispose]: () => {
      closeSync(theirs);
      source.destroy();
      return nothing;
    },
  };
}
