import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
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

/**
 * Follows an arrival: the function settles when more than `have` of its bytes are there, with how many; for a whole
 * one right away. `done` is the download's end: when it rejects, so does the function. When the download begins anew
 * it rejects with a retryable error, as bytes that were read before may have been wrong.
 */
export function followArrival(arrival: Arrival, done: Promise<unknown>): (have: number) => Promise<number> {
  const restarts = arrival.restarts();
  let over = false;
  const ended = done.then(() => {
    over = true;
  });
  // Whoever follows hears of a failure when it asks.
  ended.catch(() => {});
  return async (have) => {
    while (true) {
      const change = arrival.changed();
      if (arrival.restarts() !== restarts) {
        throw new SdmeError('oci.network', 'the download began again while its bytes were being unpacked');
      }
      const length = arrival.length();
      if (length > have || length === arrival.size) return length;
      if (over) throw new SdmeError('internal', 'a download ended short of its size');
      // The end of the download is no change of the file; its failure is ours.
      await Promise.race([change, ended]);
    }
  };
}
