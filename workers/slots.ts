import type { ResourceClass } from '../src/base/context.ts';
import type { Settings } from '../src/config/schema.ts';

/** Jobs that may use each class of resource at once. `none` is not bounded. */
export type SlotCounts = Readonly<Record<Exclude<ResourceClass, 'none'>, number>>;

/** What the defaults are derived from. */
export interface Machine {
  readonly cores: number;
  readonly memoryBytes: number;
}

const gibibyte = 1024 ** 3;

/**
 * Counts from the settings, 0 meaning from the machine: two downloads a core (they wait more than they work),
 * one writer of trees a core but at least a gibibyte of memory for each, one computation a core.
 */
export function slotCounts(
  settings: Pick<Settings, 'slots_network' | 'slots_disk' | 'slots_cpu'>,
  { cores, memoryBytes }: Machine,
): SlotCounts {
  const bounded = (wanted: number, least: number, most: number): number =>
    Math.max(least, Math.min(most, wanted));
  const byMemory = Math.floor(memoryBytes / gibibyte);
  return {
    network: settings.slots_network || bounded(cores * 2, 2, 16),
    disk: settings.slots_disk || bounded(Math.min(cores, byMemory), 1, 8),
    cpu: settings.slots_cpu || bounded(cores, 1, 64),
  };
}

/** How a slot is asked for. */
export interface SlotWish {
  /** Called when there is none free. */
  readonly onWait?: () => void;
  /** Before all that do not ask so; among those that do, in the order in which they asked. */
  readonly first?: boolean;
}

/** A number of slots that jobs take in the order in which they asked. */
export interface Slots {
  /** Free slots now. */
  readonly free: number;
  /** Takes a slot. @throws the signal's reason */
  take(signal: AbortSignal, wish?: SlotWish): Promise<Disposable>;
}

/** Makes `count` slots. */
export function makeSlots(count: number): Slots {
  let free = count;
  // Those that go first, and behind them the others.
  const lines: readonly [(() => void)[], (() => void)[]] = [[], []];
  const slot = (): Disposable => {
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        const next = lines[0].shift() ?? lines[1].shift();
        // A slot goes straight to the next in line, so that nobody overtakes.
        if (next === undefined) free += 1;
        else next();
      },
    };
  };
  return {
    get free() {
      return free;
    },
    take: async (signal, { onWait, first = false } = {}) => {
      signal.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return slot();
      }
      onWait?.();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const queue = lines[first ? 0 : 1];
      const leave = (): void => {
        const place = queue.indexOf(resolve);
        if (place < 0) return;
        queue.splice(place, 1);
        reject(signal.reason);
      };
      queue.push(resolve);
      signal.addEventListener('abort', leave, { once: true });
      try {
        await promise;
      } finally {
        signal.removeEventListener('abort', leave);
      }
      return slot();
    },
  };
}
