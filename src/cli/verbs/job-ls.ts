import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { contracts, isJobKind, type JobRecord, type JobState, jobStates } from '../../contracts/index.ts';
import { printListing } from '../output/listing.ts';
import { tableLines } from '../output/table.ts';
import { formatDuration, formatMoment } from '../output/times.ts';
import { parseSince } from '../parse/duration.ts';
import { defined, listingOptions, parseOptions } from '../parse/options.ts';
import type { VerbRun } from '../verb.ts';

const list = z.array(z.string()).optional();
const schema = z.strictObject({
  ...listingOptions,
  state: list,
  kind: list,
  since: z.string().optional(),
  batch: z.string().optional(),
  flow: z.string().optional(),
  limit: z.coerce.number({ error: '--limit takes a number' }).int().positive().optional(),
});

const isState = (text: string): text is JobState => (jobStates as readonly string[]).includes(text);

/** Words of repeated and comma-separated options, each of which must be known. */
function words<Word extends string>(
  texts: readonly string[] | undefined,
  what: string,
  known: readonly string[],
  isWord: (text: string) => text is Word,
): Word[] | undefined {
  return texts
    ?.flatMap((text) => text.split(','))
    .map((text) => {
      if (isWord(text)) return text;
      throw new SdmeError('usage', `unknown ${what} ${JSON.stringify(text)}; use one of ${known.join(', ')}`);
    });
}

/** How long a job has run or ran, or `-` when it has not begun. */
function age({ startedAt, endedAt }: JobRecord, now: number): string {
  return startedAt === undefined ? '-' : formatDuration((endedAt ?? now) - startedAt);
}

/** The text of `job ls`, newest first. */
export function jobLines(records: readonly JobRecord[], now: number): string[] {
  if (records.length === 0) return ['no jobs found'];
  return tableLines(
    ['ID', 'KIND', 'STATE', 'TIME', 'SUBMITTED', 'SUBJECT'],
    records.map((record) => [
      record.id,
      record.kind,
      record.state,
      age(record, now),
      formatMoment(record.submittedAt),
      record.damaged === undefined ? record.subject : `${record.subject} (damaged, ${record.damaged})`,
    ]),
  );
}

/** `job ls`: lists jobs. */
export const run: VerbRun = async ({ options, session }) => {
  const { state, kind, since, batch, flow, limit, ...format } = parseOptions(schema, options);
  const client = await session.client();
  const records = await client.list(
    defined({
      states: words(state, 'state', jobStates, isState),
      kinds: words(kind, 'kind of job', Object.keys(contracts), isJobKind),
      since: since === undefined ? undefined : parseSince(since, Date.now()),
      batch,
      flow,
      limit,
    }),
  );
  // A batch or flow that is there has jobs: it goes with the last of them.
  if (records.length === 0 && batch !== undefined) await client.batch.status(batch);
  if (records.length === 0 && flow !== undefined && (await client.list({ flow, limit: 1 })).length === 0)
    throw new SdmeError('not-found', `flow not found: ${flow}`, { facts: { id: flow } });
  await printListing(session, format, records, () => jobLines(records, Date.now()));
  return 0;
};
