/**
 * Runs `work` again and again, first after `firstMs` and then `intervalMs` after its last end, until disposed of; that
 * waits for the run under way.
 */
export function repeat(
  work: () => Promise<void>,
  intervalMs: number,
  onError: (error: unknown) => void,
  firstMs = 0,
): AsyncDisposable {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let ended = false;
  const run = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!ended) onError(error);
    }
    running = undefined;
    if (!ended) timer = setTimeout(start, intervalMs);
  };
  const start = (): void => {
    running = run();
  };
  if (firstMs === 0) start();
  else timer = setTimeout(start, firstMs);
  return {
    [Symbol.asyncDispose]: async () => {
      ended = true;
      clearTimeout(timer);
      await running;
    },
  };
}
