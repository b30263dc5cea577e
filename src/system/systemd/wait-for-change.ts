import type { Bus, BusMatch, WaitOptions } from './bus.ts';

/** How often a state is looked at again although no signal came: a lost bus or a missed signal ends there. */
const lookAgainMs = 5_000;

/**
 * Looks until `look` gives something: at once, at each of the signals, and every few seconds in any case. So a
 * signal is a hint only, and one that came between looking and listening is not missed.
 *
 * @returns undefined when `timeoutMs` is over
 * @throws what `look` throws; the signal's reason
 */
export async function waitForChange<Value>(
  bus: Bus,
  matches: readonly BusMatch[],
  look: () => Promise<Value | undefined>,
  options: WaitOptions & { readonly timeoutMs: number; readonly lookAgainMs?: number },
): Promise<Value | undefined> {
  const deadline = performance.now() + options.timeoutMs;
  let changed = Promise.withResolvers<void>();
  const wake = (): void => changed.resolve();
  await using stack = new AsyncDisposableStack();
  for (const match of matches) stack.use(await bus.listen(match, wake));
  options.signal?.addEventListener('abort', wake);
  stack.defer(() => options.signal?.removeEventListener('abort', wake));
  for (;;) {
    options.signal?.throwIfAborted();
    changed = Promise.withResolvers<void>();
    const found = await look();
    if (found !== undefined) return found;
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    const timer = setTimeout(wake, Math.min(left, options.lookAgainMs ?? lookAgainMs));
    await changed.promise;
    clearTimeout(timer);
  }
}
