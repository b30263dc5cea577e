/** Runs `work` again and again, `intervalMs` after its last end, until disposed of; that waits for the run under way. */
export function repeat(
  work: () => Promise<void>,
  intervalMs: number,
  onError: (error: unknown) => void,
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
  start();
  return {
    [Symbol.asyncDispose]: async () => {
      ended = true;
      clearTimeout(timer);
      await running;
    },
  };
}
