import { type ErrorCode, errorCatalogue } from '../../src/base/errors.ts';
import type { JobRecord, LogLine, ProgressItemRecord } from '../../src/contracts/index.ts';

/** A record of a running import, with what a test sets otherwise. */
export function jobRecordOf(changes: Partial<JobRecord> = {}): JobRecord {
  return {
    id: '01JDZ3V8K6M2T0Q4R6W8Y0A2C4',
    kind: 'fs.import',
    host: 'here',
    queue: 'bulk',
    subject: 'debian',
    state: 'running',
    input: { source: 'docker.io/library/debian' },
    progress: { step: 'fetch', items: [] },
    attempt: 1,
    attempts: 4,
    crashes: 0,
    submittedAt: 1_790_000_000_000,
    startedAt: 1_790_000_001_000,
    revision: 1,
    logLines: 0,
    ...changes,
  };
}

/** A bar of bytes. */
export function itemOf(id: string, changes: Partial<ProgressItemRecord> = {}): ProgressItemRecord {
  return { id, label: `layer ${id}`, unit: 'bytes', done: 0, ...changes };
}

/** A line of a log. */
export function logLineOf(message: string, changes: Partial<LogLine> = {}): LogLine {
  return { offset: 0, at: 1_790_000_002_000, level: 'info', message, ...changes };
}

/** An error as records hold it. */
export function errorOf(
  code: ErrorCode,
  message: string,
  ...causes: string[]
): NonNullable<JobRecord['error']> {
  return { code, message, retryable: errorCatalogue[code].retryable, causes };
}
