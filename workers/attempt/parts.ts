import type { JobBody } from '../../src/queue/envelope.ts';
import type { DeliveryRef, RecordWriter } from '../../src/queue/lifecycle.ts';
import type { ChildServices, Under } from '../children/children.ts';
import type { SlotSets } from '../context.ts';
import type { Journal } from '../journal/journal.ts';
import type { Kind } from '../kinds.ts';
import type { KeyedMutex } from '../locks/mutex.ts';
import type { ResourceLocks } from '../locks/resource-locks.ts';

/** What every attempt of this worker shares. */
export interface AttemptParts {
  readonly records: RecordWriter;
  readonly journal: Journal;
  readonly locks: ResourceLocks;
  readonly slots: SlotSets;
  /** Jobs that were running when a worker died run one at a time, so that a second death has one suspect. */
  readonly suspects: KeyedMutex;
  readonly children: ChildServices;
  /** Puts jobs of a flow into BullMQ that the end of another has made ready to run. */
  readonly plan: (ready: readonly string[]) => Promise<void>;
  /** Writes that end jobs and are on their way; the worker waits for them before it ends. */
  readonly endings: Set<Promise<unknown>>;
  readonly onError: (id: string, error: unknown) => void;
}

/** One delivery of one checked job. */
export interface Attempt {
  readonly body: JobBody;
  readonly kind: Kind;
  readonly delivery: DeliveryRef;
  /** Aborted with an SdmeError: cancel, limits, the worker's stop. */
  readonly controller: AbortController;
  /** Of a child: what it shares with its parent. */
  readonly under?: Under;
}
