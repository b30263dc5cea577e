import { SdmeError } from '../src/base/errors.ts';
import type { DeliveryRef, RecordWriter } from '../src/queue/lifecycle.ts';
import type { LimitWatch } from './limits.ts';

/** What is needed to say that a handler waits. */
export interface WaitParts {
  readonly delivery: DeliveryRef;
  readonly records: Pick<RecordWriter, 'hold' | 'resume'>;
  readonly limits: Pick<LimitWatch, 'excuse'>;
}

/** A wait shorter than this is not worth two writes to the record. */
const announceAfterMs = 100;

/**
 * Waits for something in the middle of a handler: the record says for `what` from when `wait` says that it has
 * begun to wait, and silence meanwhile is no fault of the job.
 */
export async function announcedWait<T>(
  { delivery, records, limits }: WaitParts,
  what: string,
  wait: (onWait: () => void) => Promise<T>,
): Promise<T> {
  let announced: Promise<unknown> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const announce = (): void => {
    announced = records.hold(delivery, what);
    announced.catch(() => undefined);
  };
  const goOn = async (): Promise<void> => {
    clearTimeout(timer);
    if (announced === undefined) return;
    try {
      await announced;
      await records.resume(delivery);
    } catch (cause) {
      throw new SdmeError('queue.unavailable', `cannot record that job ${delivery.id} goes on`, { cause });
    }
  };
  using _excused = limits.excuse();
  let got: T;
  try {
    got = await wait(() => {
      timer = setTimeout(announce, announceAfterMs);
    });
  } catch (thrown) {
    // What the wait failed for counts, not a further failure to say so.
    await goOn().catch(() => undefined);
    throw thrown;
  }
  await goOn();
  return got;
}
