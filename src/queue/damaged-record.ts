import { SdmeError, toErrorRecord } from '../base/errors.ts';
import { ulidTime } from '../base/ulid.ts';
import { type JobRecord, jobRecord } from '../contracts/index.ts';

/** The error of a job whose record cannot be read. */
export function damagedError(id: string, what: string): SdmeError {
  const message = `the record of job ${id} is damaged: ${what}; submit its work again if it is still wanted`;
  return new SdmeError('job.damaged', message, { facts: { job: id } });
}

/** What a record is made of when nothing of it can be read. */
function nothingKnown(id: string): JobRecord {
  return {
    id,
    kind: '?',
    host: '?',
    queue: 'bulk',
    subject: '?',
    state: 'failed',
    input: undefined,
    progress: { step: '', items: [] },
    attempt: 0,
    attempts: 1,
    crashes: 0,
    submittedAt: ulidTime(id),
    revision: 0,
    logLines: 0,
  };
}

/** What is left of a damaged record: the fields that `faults` does not name, each of which has passed its schema. Pure. */
export function salvageRecord(
  id: string,
  fields: Readonly<Record<string, unknown>>,
  faults: ReadonlySet<string>,
): JobRecord {
  const good = Object.entries(fields).filter(([name]) => !faults.has(name));
  const damaged = `cannot be read: ${[...faults].sort().join(', ')}`;
  const record = jobRecord.parse({ ...nothingKnown(id), ...Object.fromEntries(good), damaged });
  if (record.state !== 'failed' || record.error !== undefined) return record;
  return jobRecord.parse({ ...record, error: toErrorRecord(damagedError(id, damaged)) });
}

/** The record of a job under whose key something else lies. */
export function overwrittenRecord(id: string): JobRecord {
  return salvageRecord(id, {}, new Set(['all of it']));
}
