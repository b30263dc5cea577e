/**
 * An iterable whose every iteration has a signal of its own, aborted when `outer` is or when the iteration is
 * left: also one that is left while its generator waits, which a generator alone would only notice afterwards.
 */
export function endable<T>(
  outer: AbortSignal | undefined,
  start: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]: () => {
      const left = new AbortController();
      const signal = outer === undefined ? left.signal : AbortSignal.any([outer, left.signal]);
      const generator = start(signal);
      return {
        next: () => generator.next(),
        return: async () => {
          left.abort();
          // A wait that ends because of our own abort is no error of the one who left.
          await generator.return().catch(() => undefined);
          return { done: true, value: undefined };
        },
      };
    },
  };
}
