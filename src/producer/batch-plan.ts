import { createHash } from 'node:crypto';
import { SdmeError } from '../base/errors.ts';
import type { JobKind } from '../contracts/index.ts';
import { derivedId } from '../queue/derived-id.ts';
import { canonicalJson } from '../queue/envelope.ts';
import type { NewJob } from '../queue/submission.ts';
import { checkAll } from './check-all.ts';
import { prepareJob } from './requests.ts';

/** One job of a batch before it has been checked. */
export interface RawItem {
  readonly kind: JobKind;
  readonly input: unknown;
}

/** A whole batch, checked, before anything of it is written. */
export interface BatchPlan {
  readonly id: string;
  readonly host: string;
  /** Epoch milliseconds. */
  readonly submittedAt: number;
  /** Digest of the items. */
  readonly items: string;
  readonly jobs: readonly NewJob[];
}

/** Most jobs in one batch. */
export const maxBatchItems = 10_000;

/**
 * Checks all items and derives the batch's id: from `key` when there is one, else from the items, so that equal
 * calls mean one batch. Pure but for ids and time.
 * @throws SdmeError `input.invalid` naming the faulty items by their number, counted from 1
 */
export function planBatch(
  host: string,
  items: readonly RawItem[],
  key: string | undefined,
  now: number,
): BatchPlan {
  if (items.length === 0) throw new SdmeError('input.invalid', 'a batch needs at least one item');
  if (items.length > maxBatchItems) {
    throw new SdmeError(
      'input.invalid',
      `a batch takes at most ${maxBatchItems} items, not ${items.length}; split it`,
    );
  }
  // Without an item's defaults filled in first, equal batches written differently would get different ids.
  const parsed = checkAll(
    'items',
    items.map(({ kind, input }, index) => ({
      label: `item ${index + 1}`,
      check: () => prepareJob(kind, input, { host, now }),
    })),
  );
  const text = canonicalJson(parsed.map(({ body }) => [body.kind, body.input]));
  const digest = createHash('sha256').update(text).digest('base64url');
  const id = derivedId('b', JSON.stringify(key === undefined ? [host, 'items', digest] : [host, 'key', key]));
  const jobs = parsed.map((job, index) => ({ ...job, body: { ...job.body, batch: { id, index } } }));
  return { id, host, submittedAt: now, items: digest, jobs };
}
