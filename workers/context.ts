import type { JobContext, ResourceClass } from '../src/base/context.ts';
import { SdmeError } from '../src/base/errors.ts';
import { announcedWait, type WaitParts } from './announced-wait.ts';
import type { Children } from './children/children.ts';
import type { Reporter } from './reporting/reporter.ts';
import type { Slots } from './slots.ts';

/** The worker's slots by class. */
export type SlotSets = Readonly<Record<Exclude<ResourceClass, 'none'>, Slots>>;

/** What a job's context is made of. */
export interface ContextParts extends WaitParts {
  readonly signal: AbortSignal;
  readonly reporter: Reporter;
  readonly slots: SlotSets;
  readonly child: Children['run'];
}

/** The context a handler gets. */
export function makeContext(parts: ContextParts): JobContext {
  const { delivery, signal, reporter } = parts;
  let slotsHeld = 0;
  const had = new Set<ResourceClass>();
  return {
    jobId: delivery.id,
    signal,
    get log() {
      return reporter.log;
    },
    get progress() {
      return reporter.progress;
    },
    withSlot: async (resource, work, onWait) => {
      if (resource === 'none') return work();
      using _slot = await takeSlot(parts, resource, { onWait, first: had.has(resource) });
      had.add(resource);
      slotsHeld += 1;
      try {
        return await work();
      } finally {
        slotsHeld -= 1;
      }
    },
    hasFreeSlot: (resource) => resource === 'none' || parts.slots[resource].free > 0,
    child: (request) => {
      if (slotsHeld > 0) return Promise.reject(waitsWithSlot(request.name));
      return announcedWait(parts, `child ${request.name}`, (onWait) => {
        onWait();
        return parts.child(request);
      });
    },
  };
}

/** The child might want the very slot that its parent holds: such a handler would hang some day. */
function waitsWithSlot(name: string): SdmeError {
  return new SdmeError('internal', `the job holds a slot while it asks for its child ${name}`);
}

async function takeSlot(
  parts: ContextParts,
  resource: Exclude<ResourceClass, 'none'>,
  { onWait, first }: { readonly onWait: (() => void) | undefined; readonly first: boolean },
): Promise<Disposable> {
  let slot: Disposable | undefined;
  try {
    return await announcedWait(parts, `slot ${resource}`, async (announce) => {
      const waits = (): void => {
        announce();
        onWait?.();
      };
      slot = await parts.slots[resource].take(parts.signal, { onWait: waits, first });
      return slot;
    });
  } catch (thrown) {
    slot?.[Symbol.dispose]();
    throw thrown;
  }
}
