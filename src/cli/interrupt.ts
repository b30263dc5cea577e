import { constants } from 'node:os';
import { SdmeError } from '../base/errors.ts';

/** A person's or a system's wish that we end. */
export interface Interrupt extends Disposable {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** 128 and the number of the signal that came, else undefined. */
  readonly exitCode: () => number | undefined;
  /** What is said when a second signal ends us at once. */
  readonly onSecond: (say: () => void) => void;
  /** While `work` runs a command on our terminal, signals are that command's, and its exit code is ours. */
  readonly leaveTo: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * Takes SIGINT and SIGTERM. The first one aborts the signal so that the verb ends what it began; the second one
 * ends the process at once. Handlers are installed even where a shell started us with SIGINT ignored.
 */
export function watchInterrupts(): Interrupt {
  const controller = new AbortController();
  let code: number | undefined;
  let lastWords: () => void = () => {};
  let left = false;
  const take = (name: 'SIGINT' | 'SIGTERM'): void => {
    if (left) return;
    if (code === undefined) {
      code = 128 + constants.signals[name];
      controller.abort(new SdmeError('job.cancelled', 'interrupted, exiting'));
      return;
    }
    lastWords();
    process.exit(code);
  };
  const onInterrupt = (): void => take('SIGINT');
  const onTerminate = (): void => take('SIGTERM');
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onTerminate);
  return {
    signal: controller.signal,
    exitCode: () => code,
    onSecond: (say) => {
      lastWords = say;
    },
    leaveTo: async (work) => {
      left = true;
      try {
        return await work();
      } finally {
        left = false;
      }
    },
    [Symbol.dispose]: () => {
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onTerminate);
    },
  };
}
