import { DatabaseSync } from 'node:sqlite';

/** One write of a worker. All of a message are one transaction, so that one flush to disk serves many jobs. */
export type JournalWrite =
  | { readonly op: 'open'; readonly id: string; readonly kind: string; readonly now: number }
  | { readonly op: 'take-over'; readonly id: string; readonly from: string }
  | { readonly op: 'running'; readonly id: string }
  | { readonly op: 'step'; readonly id: string; readonly step: string }
  | { readonly op: 'release'; readonly id: string; readonly counts: boolean }
  | { readonly op: 'done'; readonly id: string; readonly outcome: string; readonly now: number }
  | { readonly op: 'prune'; readonly beforeId: string };

/** Answer to one write. */
export type JournalAnswer =
  | { readonly state: 'open'; readonly attempt: number; readonly crashes: number; readonly first: boolean }
  | { readonly state: 'done'; readonly attempt: number; readonly crashes: number; readonly outcome: string }
  /** Another worker holds the claim, or did when it died. */
  | { readonly state: 'claimed'; readonly owner: string }
  | { readonly state: 'ok'; readonly count: number };

/** How SQLite flushes: `FULL` after each transaction; `OFF` only to measure what that costs. */
export type Synchronous = 'FULL' | 'OFF';

/** The journal's file, written to synchronously: used in a thread of its own. */
export interface JournalFile {
  /** Does all writes in one transaction. @throws Error of SQLite; then none was done */
  write(writes: readonly JournalWrite[]): JournalAnswer[];
  close(): void;
}

const schema = `
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  crashes INTEGER NOT NULL,
  owner TEXT,
  running INTEGER NOT NULL,
  step TEXT,
  outcome TEXT,
  opened_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT, WITHOUT ROWID;
`;

/** Opens or makes the file; `owner` names this worker in its claims. */
export function openJournalFile(path: string, owner: string, synchronous: Synchronous): JournalFile {
  const db = new DatabaseSync(path, { timeout: 10_000 });
  db.exec('PRAGMA journal_mode = WAL');
  db.exec(`PRAGMA synchronous = ${synchronous === 'FULL' ? 'FULL' : 'OFF'}`);
  db.exec(schema);
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');
  const apply = prepareWrites(db, owner);
  return {
    write: (writes) => {
      begin.run();
      try {
        const answers = writes.map(apply);
        commit.run();
        return answers;
      } catch (error) {
        if (db.isTransaction) rollback.run();
        throw error;
      }
    },
    close: () => db.close(),
  };
}

function prepareWrites(db: DatabaseSync, owner: string): (write: JournalWrite) => JournalAnswer {
  const find = db.prepare('SELECT attempt, crashes, owner, running, outcome FROM jobs WHERE id = ?');
  const insert = db.prepare(
    'INSERT INTO jobs (id, kind, attempt, crashes, owner, running, opened_at) VALUES (?, ?, 1, 0, ?, 1, ?)',
  );
  const claim = db.prepare('UPDATE jobs SET owner = ?, crashes = ?, running = ? WHERE id = ?');
  const running = db.prepare('UPDATE jobs SET running = 1 WHERE id = ?');
  const step = db.prepare('UPDATE jobs SET step = ? WHERE id = ?');
  const release = db.prepare(
    'UPDATE jobs SET owner = NULL, running = 0, attempt = attempt + ? WHERE id = ? AND outcome IS NULL',
  );
  const done = db.prepare(
    'UPDATE jobs SET owner = NULL, running = 0, outcome = ?, ended_at = ? WHERE id = ? AND outcome IS NULL',
  );
  const prune = db.prepare('DELETE FROM jobs WHERE id < ? AND owner IS NULL');

  const read = (id: string): Entry | undefined => {
    const row = find.get(id);
    return row === undefined ? undefined : entryOf(row);
  };
  // A job that has crashed a worker is not `running` until its handler begins, which may be much later.
  const claimed = (id: string, entry: Entry, crashes: number): JournalAnswer => {
    claim.run(owner, crashes, crashes === 0 ? 1 : 0, id);
    return { state: 'open', attempt: entry.attempt, crashes, first: false };
  };
  const open = (id: string, kind: string, now: number): JournalAnswer => {
    const entry = read(id);
    if (entry === undefined) {
      insert.run(id, kind, owner, now);
      return { state: 'open', attempt: 1, crashes: 0, first: true };
    }
    const { attempt, crashes, outcome } = entry;
    if (outcome !== undefined) return { state: 'done', attempt, crashes, outcome };
    if (entry.owner !== undefined && entry.owner !== owner) return { state: 'claimed', owner: entry.owner };
    return claimed(id, entry, crashes);
  };
  const takeOver = (id: string, from: string): JournalAnswer => {
    const entry = read(id);
    // Somebody was faster: look again.
    if (entry === undefined || entry.owner !== from || entry.outcome !== undefined) {
      return { state: 'claimed', owner: entry?.owner ?? '' };
    }
    return claimed(id, entry, entry.crashes + (entry.running ? 1 : 0));
  };
  const ok = (result: { changes: number | bigint }): JournalAnswer => ({
    state: 'ok',
    count: Number(result.changes),
  });
  return (write) => {
    switch (write.op) {
      case 'open':
        return open(write.id, write.kind, write.now);
      case 'take-over':
        return takeOver(write.id, write.from);
      case 'running':
        return ok(running.run(write.id));
      case 'step':
        return ok(step.run(write.step, write.id));
      case 'release':
        return ok(release.run(write.counts ? 1 : 0, write.id));
      case 'done':
        return ok(done.run(write.outcome, write.now, write.id));
      case 'prune':
        return ok(prune.run(write.beforeId));
      default:
        return write satisfies never;
    }
  };
}

interface Entry {
  readonly attempt: number;
  readonly crashes: number;
  readonly owner: string | undefined;
  readonly running: boolean;
  readonly outcome: string | undefined;
}

function entryOf(row: Record<string, unknown>): Entry {
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return {
    attempt: Number(row.attempt),
    crashes: Number(row.crashes),
    owner: text(row.owner),
    running: row.running === 1,
    outcome: text(row.outcome),
  };
}
