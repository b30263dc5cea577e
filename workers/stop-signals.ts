/**
 * SIGTERM and SIGINT as abort signals: the first asks the worker to stop, the second to hurry. SIGHUP is ignored,
 * as the terminal of whoever caused our start may close.
 */
export function onStopSignals(): { readonly stop: AbortSignal; readonly stopNow: AbortSignal } {
  const stop = new AbortController();
  const stopNow = new AbortController();
  const onSignal = (): void => (stop.signal.aborted ? stopNow : stop).abort();
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGHUP', () => {});
  return { stop: stop.signal, stopNow: stopNow.signal };
}
