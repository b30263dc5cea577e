import { type JobRecord, jobRecord } from '../contracts/index.ts';
import { salvageRecord } from './damaged-record.ts';
import { type JobBody, parseBody } from './envelope.ts';

/** A record's hash as Redis gives it. */
export type RecordHash = Readonly<Record<string, string>>;

/** The record a hash stands for; of one that is damaged what can be read, see {@link JobRecord.damaged}. Pure. */
export function decodeRecord(id: string, hash: RecordHash): JobRecord {
  const faults = new Set<string>();
  const fields = fieldsOf(id, hash, faults);
  const parsed = jobRecord.safeParse(fields);
  if (parsed.success && faults.size === 0) return parsed.data;
  for (const { path } of parsed.error?.issues ?? []) faults.add(String(path[0]));
  return salvageRecord(id, fields, faults);
}

/** The fields of a record as a hash has them, unchecked; names in `faults` those that are not even text of their form. */
function fieldsOf(id: string, hash: RecordHash, faults: Set<string>): Record<string, unknown> {
  const number = (field: string): number | undefined =>
    hash[field] === undefined ? undefined : Number(hash[field]);
  const read = <T>(field: string, name: string, parse: (text: string) => T): T | undefined => {
    const text = hash[field];
    try {
      return text === undefined ? undefined : parse(text);
    } catch {
      faults.add(name);
      return undefined;
    }
  };
  const json = (field: string): unknown => read(field, field, (text): unknown => JSON.parse(text));
  const body = read<JobBody>('envelope', 'input', parseBody);
  return withoutUndefined({
    id,
    kind: hash.kind,
    host: hash.host,
    queue: hash.queue,
    subject: hash.subject,
    state: hash.state,
    waitingFor: hash.needs === undefined ? hash.waitingFor : `after ${hash.needs.replaceAll(' ', ', ')}`,
    input: body?.input,
    result: json('result'),
    error: json('error'),
    progress: json('progress') ?? { step: '', items: [] },
    attempt: number('attempt') ?? 0,
    attempts: number('attempts'),
    crashes: number('crashes') ?? 0,
    submittedAt: number('submittedAt'),
    startedAt: number('startedAt'),
    endedAt: number('endedAt'),
    cancelRequestedAt: number('cancelRequestedAt'),
    idempotencyKey: hash.idempotencyKey,
    batch: hash.batch,
    flow: body?.flow && { id: body.flow.id, name: body.flow.name },
    after: body?.flow?.after,
    parent: hash.parent === undefined ? undefined : { id: hash.parent, name: hash.parentName },
    children: childrenOf(hash),
    retryOf: hash.retryOf,
    revision: number('revision'),
    logLines: number('logLines') ?? 0,
  });
}

/** What the names of a record's fields begin with that hold its children's ids; the child's name follows. */
export const childField = 'child:';

function childrenOf(hash: RecordHash): Record<string, string> | undefined {
  const children = Object.entries(hash).filter(([field]) => field.startsWith(childField));
  if (children.length === 0) return undefined;
  return Object.fromEntries(children.map(([field, id]) => [field.slice(childField.length), id]));
}

function withoutUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
