import type { JobLog, LogFields } from '../../src/base/context.ts';
import type { LogLine } from '../../src/contracts/index.ts';
import type { NewLogLine } from '../../src/queue/lifecycle.ts';

/** Lines that wait in memory to be written; beyond it the oldest are dropped, and a line says so. A record keeps no more. */
const mostPending = 20_000;
/** Lines in one write. */
const chunk = 500;
const longestMessage = 8_192;

/** A job's log lines on their way to its record. */
export interface JobLogBuffer {
  readonly log: JobLog;
  readonly pending: boolean;
  /** Writes what is pending, in order. Calls must not overlap. */
  flush(write: (lines: readonly NewLogLine[]) => Promise<void>): Promise<void>;
}

/** Makes an empty buffer; `onLine` is called for each line. */
export function makeJobLog(onLine: () => void): JobLogBuffer {
  let pending: NewLogLine[] = [];
  let dropped = 0;
  const add = (level: LogLine['level'], message: string, fields?: LogFields): void => {
    pending.push(makeLine(level, message, fields));
    if (pending.length > mostPending) {
      pending.shift();
      dropped += 1;
    }
    onLine();
  };
  return {
    log: {
      info: (message, fields) => add('info', message, fields),
      warn: (message, fields) => add('warn', message, fields),
      error: (message, fields) => add('error', message, fields),
    },
    get pending() {
      return pending.length > 0;
    },
    flush: async (write) => {
      while (pending.length > 0) {
        const lines = pending.slice(0, chunk);
        pending = pending.slice(chunk);
        if (dropped > 0) {
          lines.unshift(
            makeLine('warn', `${dropped} log lines came faster than they could be written and were dropped`),
          );
          dropped = 0;
        }
        await write(lines);
      }
    },
  };
}

function makeLine(level: LogLine['level'], message: string, fields?: LogFields): NewLogLine {
  const known = Object.entries(fields ?? {}).filter(
    (entry): entry is [string, string | number | boolean] => entry[1] !== undefined,
  );
  return {
    at: Date.now(),
    level,
    message: message.slice(0, longestMessage),
    ...(known.length === 0 ? {} : { fields: Object.fromEntries(known) }),
  };
}
