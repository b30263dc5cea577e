/**
 * A stack of byte strings that threads of one process share: directories that are still to be gone through. Whoever
 * takes one may push others; the work is over when the stack is empty and nobody works on what was taken.
 *
 * A header of 32-bit words, then the strings, each with its length behind it. Threads hold a lock for some copying.
 */
export interface SharedStack {
  /** Adds a string. @returns false when there is no room: then the caller keeps it for itself */
  push(item: Buffer): boolean;
  /** Says that the caller works on something, or may begin to. @returns false when the work is over */
  join(): boolean;
  /** The next string, for a caller that has joined and is done with its last; `idle` when there is none now. */
  take(): Buffer | 'idle' | 'over';
  /** Waits until `take` may say something else than `idle`. For threads other than the main one. */
  wait(): void;
  /** As {@link wait}, while other work of the thread goes on. */
  waitAsync(): Promise<void>;
  /** Has `take` say `over` to all. */
  stop(): void;
}

const words = { lock: 0, top: 1, working: 2, over: 3, change: 4 } as const;
const headerBytes = 32;
const lengthBytes = 4;
/** How long a waiter sleeps at most, in milliseconds; it is woken before, unless the one who would was killed. */
const longestWait = 1_000;

/** Memory of a stack with room for `bytes` of strings. */
export function stackMemory(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(headerBytes + bytes);
}

/** A thread's view of a stack. */
export function openStack(memory: SharedArrayBuffer): SharedStack {
  const header = new Int32Array(memory, 0, headerBytes / 4);
  const bytes = Buffer.from(memory, headerBytes);
  let isIdle = false;

  const locked = <T>(work: () => T): T => {
    while (Atomics.compareExchange(header, words.lock, 0, 1) !== 0) {
      // What is done under the lock is short, so this is rare and soon over; its holder does not wake anybody.
      Atomics.wait(header, words.lock, 1, 1);
    }
    try {
      return work();
    } finally {
      Atomics.store(header, words.lock, 0);
    }
  };
  const announce = (): void => {
    Atomics.add(header, words.change, 1);
    Atomics.notify(header, words.change);
  };
  const get = (word: number): number => Atomics.load(header, word);
  const set = (word: number, value: number): void => void Atomics.store(header, word, value);

  const pop = (): Buffer => {
    const lengthAt = get(words.top) - lengthBytes;
    const start = lengthAt - bytes.readUInt32LE(lengthAt);
    set(words.top, start);
    return Buffer.from(bytes.subarray(start, lengthAt));
  };
  return {
    push: (item) => {
      const pushed = locked(() => {
        const start = get(words.top);
        const end = start + item.length + lengthBytes;
        if (end > bytes.length) return false;
        item.copy(bytes, start);
        bytes.writeUInt32LE(item.length, end - lengthBytes);
        set(words.top, end);
        return true;
      });
      if (pushed) announce();
      return pushed;
    },
    join: () =>
      locked(() => {
        if (get(words.over) === 1) return false;
        set(words.working, get(words.working) + 1);
        return true;
      }),
    take: () => {
      const next = locked((): Buffer | 'idle' | 'over' => {
        if (get(words.over) === 1) return 'over';
        if (isIdle) set(words.working, get(words.working) + 1);
        isIdle = false;
        if (get(words.top) > 0) return pop();
        set(words.working, get(words.working) - 1);
        isIdle = true;
        if (get(words.working) > 0) return 'idle';
        set(words.over, 1);
        return 'over';
      });
      if (next === 'over') announce();
      return next;
    },
    wait: () => {
      const seen = get(words.change);
      if (get(words.top) === 0 && get(words.over) === 0)
        Atomics.wait(header, words.change, seen, longestWait);
    },
    waitAsync: async () => {
      const seen = get(words.change);
      if (get(words.top) > 0 || get(words.over) === 1) return;
      await Atomics.waitAsync(header, words.change, seen, longestWait).value;
    },
    stop: () => {
      set(words.over, 1);
      announce();
    },
  };
}
