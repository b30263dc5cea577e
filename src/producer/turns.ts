import { setTimeout as delay } from 'node:timers/promises';
import type { HostOf, Session } from './session.ts';

/** When somebody who waits should look again. */
export interface Turns extends AsyncDisposable {
  /**
   * Resolves at the first hint since the last turn, or after two seconds without one: hints may get lost, the
   * record does not. Rejects with the signal's reason, or when the local worker was given up.
   */
  next(): Promise<void>;
}

/** A look without any hint, in milliseconds. */
const safetyMs = 2_000;

/**
 * Opens turns on a channel; `minMs` is the least time between two turns, so that a flood of hints stays cheap. `hostOf`
 * tells whose worker is to give the hints.
 */
export async function openTurns(
  session: Session,
  channel: string,
  signal: AbortSignal,
  minMs: number,
  hostOf: HostOf,
): Promise<Turns> {
  let hinted = false;
  let wake: (() => void) | undefined;
  const onHint = (): void => {
    hinted = true;
    wake?.();
  };
  const listening = await session.patiently(signal, (queue) => queue.hints.listen(channel, onHint));
  const onAbort = (): void => wake?.();
  signal.addEventListener('abort', onAbort, { once: true });
  let silentSince = Date.now();
  let lastTurn = 0;

  const waitForHint = async (): Promise<void> => {
    if (hinted || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    const timer = setTimeout(resolve, safetyMs);
    await promise;
    clearTimeout(timer);
    wake = undefined;
  };
  return {
    next: async () => {
      await waitForHint();
      const early = lastTurn + minMs - Date.now();
      if (early > 0) await delay(early, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
      if (hinted) {
        silentSince = Date.now();
      } else if (Date.now() - silentSince > session.silenceMs) {
        silentSince = Date.now();
        await session.ensureAgain(signal, hostOf);
      }
      hinted = false;
      lastTurn = Date.now();
    },
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener('abort', onAbort);
      await listening[Symbol.asyncDispose]();
    },
  };
}
