import type { Context, ResourceClass } from '../src/base/context.ts';
import { SdmeError } from '../src/base/errors.ts';
import type { DeliveryRef, RecordWriter } from '../src/queue/lifecycle.ts';
import type { LimitWatch } from './limits.ts';
import type { Reporter } from './reporting/reporter.ts';
import type { Slots } from './slots.ts';

/** The worker's slots by class. */
export type SlotSets = Readonly<Record<Exclude<ResourceClass, 'none'>, Slots>>;

/** What a job's context is made of. */
export interface ContextParts {
  readonly delivery: DeliveryRef;
  readonly signal: AbortSignal;
  readonly reporter: Reporter;
  readonly records: RecordWriter;
  readonly slots: SlotSets;
  readonly limits: LimitWatch;
}

/** A wait shorter than this is not worth two writes to the record. */
const announceAfterMs = 100;

/** The context a handler gets. */
export function makeContext(parts: ContextParts): Context {
  const { delivery, signal, reporter } = parts;
  return {
    jobId: delivery.id,
    signal,
    get log() {
      return reporter.log;
    },
    get progress() {
      return reporter.progress;
    },
    withSlot: async (resource, work) => {
      if (resource === 'none') return work();
      using _slot = await takeSlot(parts, resource);
      return await work();
    },
  };
}

async function takeSlot(
  { slots, limits, records, delivery, signal }: ContextParts,
  resource: Exclude<ResourceClass, 'none'>,
): Promise<Disposable> {
  let announced: Promise<unknown> | undefined;
  let timer: NodeJS.Timeout | undefined;
  using _excused = limits.excuse();
  const slot = await slots[resource]
    .take(signal, () => {
      timer = setTimeout(() => {
        announced = records.hold(delivery, `slot ${resource}`);
        announced.catch(() => undefined);
      }, announceAfterMs);
    })
    .finally(() => clearTimeout(timer));
  if (announced === undefined) return slot;
  try {
    await announced;
    await records.resume(delivery);
    return slot;
  } catch (cause) {
    slot[Symbol.dispose]();
    throw new SdmeError('queue.unavailable', `cannot record that job ${delivery.id} goes on`, { cause });
  }
}
