import { z } from 'zod';
import type { JobRecord } from '../../contracts/index.ts';
import { barLines } from '../output/bars.ts';
import { printListing } from '../output/listing.ts';
import { printable } from '../output/printable.ts';
import { formatDuration, formatMoment } from '../output/times.ts';
import { listingOptions, parseOptions } from '../parse/options.ts';
import { findJob } from '../run/find-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject(listingOptions);

/** The text of `job show`: what was asked, what happened, how it ended. */
export function jobDetailLines(record: JobRecord, columns: number): string[] {
  const { startedAt, endedAt, error } = record;
  const fields: (readonly [string, string | undefined])[] = [
    ['id', record.id],
    ['kind', record.kind],
    ['subject', record.subject],
    ['host', `${record.host} (${record.queue})`],
    ['state', record.state],
    ['damaged', record.damaged],
    ['waiting for', record.waitingFor],
    ['submitted', formatMoment(record.submittedAt)],
    ['started', startedAt === undefined ? undefined : formatMoment(startedAt)],
    ['ended', endedAt === undefined ? undefined : formatMoment(endedAt)],
    [
      'took',
      startedAt === undefined || endedAt === undefined ? undefined : formatDuration(endedAt - startedAt),
    ],
    [
      'attempt',
      record.attempts > 1 || record.attempt > 1 ? `${record.attempt} of ${record.attempts}` : undefined,
    ],
    ['crashes', record.crashes > 0 ? String(record.crashes) : undefined],
    ['batch', record.batch],
    ['retry of', record.retryOf],
    ['flow', record.flow === undefined ? undefined : `${record.flow.id} (${record.flow.name})`],
    ...Object.entries(record.after ?? {}).map(([name, id]) => ['after', `${id} (${name})`] as const),
    ['child of', record.parent === undefined ? undefined : `${record.parent.id} (${record.parent.name})`],
    ...Object.entries(record.children ?? {}).map(([name, id]) => ['child', `${id} (${name})`] as const),
    ['input', JSON.stringify(record.input)],
    ['result', record.result === undefined ? undefined : JSON.stringify(record.result)],
    [
      'error',
      error === undefined ? undefined : `${error.code}: ${[error.message, ...error.causes].join(': ')}`,
    ],
    ['log', record.logLines === 0 ? undefined : `${record.logLines} lines: sdme job logs ${record.id}`],
  ];
  const lines = fields.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name.padEnd(11)} ${printable(value)}`],
  );
  if (record.progress.items.length === 0) return lines;
  return [...lines, ...barLines('progress', record.progress, { columns, rows: 1000 })];
}

/** `job show`: one job's whole record. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const format = parseOptions(schema, options);
  const client = await session.client();
  const record = await client.show(await findJob(session, operands[0] ?? ''));
  const columns = session.output.resultIsTerminal ? session.output.size().columns : 120;
  await printListing(session, format, record, () => jobDetailLines(record, columns));
  return 0;
};
