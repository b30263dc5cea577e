import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { SdmeError } from '../../base/errors.ts';
import { diskFailure } from './disk-failure.ts';

/** A blob that is being written into a file: whoever follows it reads what is there and waits for more. */
export interface Arrival {
  /** Where it lies now; it may be renamed at any time, which an open file does not mind. */
  readonly path: string;
  readonly size: number;
  /** Bytes that are there. */
  length(): number;
  /** Times the file was begun anew, its bytes thrown away. */
  restarts(): number;
  /** Settles when something has changed. */
  changed(): Promise<void>;
}

/** The writer's side of an {@link Arrival}. */
export interface ArrivalWriter extends Arrival {
  advance(length: number): void;
  restart(): void;
}

/** An arrival that nothing was written to yet. */
export function newArrival(path: string, size: number): ArrivalWriter {
  let length = 0;
  let restarts = 0;
  let change = Promise.withResolvers<void>();
  const tell = (): void => {
    change.resolve();
    change = Promise.withResolvers();
  };
  return {
    path,
    size,
    length: () => length,
    restarts: () => restarts,
    changed: () => change.promise,
    advance: (now) => {
      length = now;
      tell();
    },
    restart: () => {
      length = 0;
      restarts += 1;
      tell();
    },
  };
}

/** Milliseconds within which a download must be over to be worth following. */
const soon = 2000;

/**
 * True when a download will be over within about two seconds at the pace it has. Whoever follows a slow one would
 * hold a slot of the machine while it waits.
 */
export function isOverSoon(progress: {
  readonly length: number;
  readonly size: number;
  readonly elapsedMs: number;
}): boolean {
  const { length, size, elapsedMs } = progress;
  return length > 0 && (size - length) * elapsedMs <= length * soon;
}

/** Opens the file of an arrival, before it may be renamed. */
export async function openArrival(arrival: Arrival): Promise<FileHandle> {
  try {
    return await open(arrival.path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    throw diskFailure(error, 'following a download');
  }
}

const readSize = 256 * 1024;

async function* bytesOf(
  handle: FileHandle,
  arrival: Arrival,
  done: Promise<unknown>,
): AsyncGenerator<Buffer> {
  const restarts = arrival.restarts();
  let over = false;
  const ended = done.then(() => {
    over = true;
  });
  for (let position = 0; position < arrival.size; ) {
    const change = arrival.changed();
    const ready = arrival.length() - position;
    if (arrival.restarts() !== restarts) {
      const message = 'the download began again while its bytes were being unpacked';
      throw new SdmeError('oci.network', message);
    }
    if (ready <= 0) {
      if (over) throw new SdmeError('internal', 'a download ended short of its size');
      // The end of the download is no change of the file; its failure is ours.
      await Promise.race([change, ended]);
      continue;
    }
    const buffer = Buffer.allocUnsafe(Math.min(readSize, ready));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0)
      throw new SdmeError('io', 'a download was cut while its bytes were being unpacked', {
        retryable: true,
      });
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * The bytes of an arrival in order, as they come. `done` is the download's end: when it rejects the stream fails with
 * its error. A download that begins anew fails the stream with a retryable error, as bytes given out may have been wrong.
 */
export function followArrival(handle: FileHandle, arrival: Arrival, done: Promise<unknown>): Readable {
  return Readable.from(bytesOf(handle, arrival, done), { objectMode: false, highWaterMark: 1024 * 1024 });
}
