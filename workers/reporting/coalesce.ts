/** Turns many requests to write into few writes. */
export interface Coalesced {
  /** Asks for a write soon; how many asked meanwhile makes no difference. */
  request(): void;
  /** No more writes; resolves when the one under way has ended. */
  stop(): Promise<void>;
}

/**
 * Writes at most once in `intervalMs`, never two at a time: while the server is away one write waits, and the
 * newest state follows it. Errors go to `onError`.
 */
export function coalesce(
  write: () => Promise<unknown>,
  intervalMs: number,
  onError: (error: unknown) => void,
): Coalesced {
  let wanted = false;
  let stopped = false;
  let last = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    wanted = false;
    last = performance.now();
    try {
      await write();
    } catch (error) {
      onError(error);
    }
    writing = undefined;
    if (wanted) schedule();
  };
  const schedule = (): void => {
    if (stopped || timer !== undefined || writing !== undefined) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        if (!stopped) writing = run();
      },
      Math.max(0, last + intervalMs - performance.now()),
    );
  };
  return {
    request: () => {
      wanted = true;
      schedule();
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      timer = undefined;
      await writing;
    },
  };
}
