import { createHash } from 'node:crypto';
import { SdmeError, toSdmeError } from '../base/errors.ts';
import type { JobKind } from '../contracts/index.ts';
import { batchIdFrom } from '../queue/batches.ts';
import { canonicalJson } from '../queue/envelope.ts';
import type { NewJob } from '../queue/submission.ts';
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
/** Most faulty items named in one message. */
const maxNamed = 20;

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
  const first = items.map((item) => attempt(() => prepareJob(item.kind, item.input, { host, now })));
  refuseFaulty(first);
  const parsed = first.flatMap((entry) => (entry.job === undefined ? [] : [entry.job]));
  const text = canonicalJson(parsed.map(({ body }) => [body.kind, body.input]));
  const digest = createHash('sha256').update(text).digest('base64url');
  const id = batchIdFrom(JSON.stringify(key === undefined ? [host, 'items', digest] : [host, 'key', key]));
  const jobs = parsed.map((job, index) => ({ ...job, body: { ...job.body, batch: { id, index } } }));
  return { id, host, submittedAt: now, items: digest, jobs };
}

type Attempt = { readonly job: NewJob } | { readonly job?: never; readonly error: SdmeError };

function attempt(work: () => NewJob): Attempt {
  try {
    return { job: work() };
  } catch (error) {
    return { error: toSdmeError(error) };
  }
}

function refuseFaulty(attempts: readonly Attempt[]): void {
  const faulty = attempts.flatMap((entry, index) =>
    entry.job === undefined ? [`item ${index + 1}: ${entry.error.message}`] : [],
  );
  if (faulty.length === 0) return;
  const named = faulty.slice(0, maxNamed).join('\n');
  const more = faulty.length > maxNamed ? `\n… and ${faulty.length - maxNamed} more` : '';
  throw new SdmeError(
    'input.invalid',
    `${faulty.length} of ${attempts.length} items are not valid, so none was submitted:\n${named}${more}`,
    { facts: { faulty: faulty.length } },
  );
}
