import { setTimeout as delay } from 'node:timers/promises';

/**
 * Errors of the server that pass by themselves or when somebody mends the server: out of memory, disk full or
 * AOF failing, loading, failing over. What a connection breaks off, ioredis sends again itself.
 */
const passing =
  /^(OOM|MISCONF|READONLY|LOADING|BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|NOREPLICAS)\b|Command timed out/;

/** True when the same write may succeed later without any change. */
export function isPassing(error: unknown): boolean {
  return error instanceof Error && passing.test(error.message);
}

/**
 * Does a write until it succeeds: a worker's records are never lost to a server in trouble. Waits 50 ms to 2 s
 * between tries. @throws any error that repetition does not mend; the reason of `signal`
 */
export async function insist<T>(write: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let pause = 50; ; pause = Math.min(pause * 2, 2_000)) {
    try {
      return await write();
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    await delay(pause, undefined, signal === undefined ? {} : { signal });
  }
}
