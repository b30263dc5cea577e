import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Outcome } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { newUlid } from '../../src/base/ulid.ts';
import type { JournalAnswer, JournalWrite, Synchronous } from './entries.ts';
import type { Journal, Opened } from './journal.ts';
import { type Owners, openOwners } from './owners.ts';
import type { JournalReply, JournalThreadData } from './thread.ts';

export interface JournalOptions {
  /** The file; its directory exists. */
  readonly path: string;
  readonly runtimeDir: string;
  /** Default `FULL`. */
  readonly synchronous?: Synchronous;
  /** Called when the journal is broken for good: the worker must end, as it can promise nothing any more. */
  readonly onBroken: (error: Error) => void;
}

/** How often a job that another living worker runs is looked at again. */
const claimedPauseMs = 250;

/** Opens the host's journal. @throws SdmeError `io` */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const owners = await openOwners(options.runtimeDir);
  const lane = openLane({ ...options, owner: owners.self });
  return {
    open: (id, kind, signal) => claim(lane, owners, { id, kind }, signal),
    running: async (id) => {
      await lane.write({ op: 'running', id });
    },
    step: (id, step) => lane.later({ op: 'step', id, step }),
    release: async (id, counts) => {
      await lane.write({ op: 'release', id, counts });
    },
    done: async (id, outcome) => {
      await lane.write({ op: 'done', id, outcome: JSON.stringify(outcome), now: Date.now() });
    },
    prune: async (before) => {
      const answer = await lane.write({ op: 'prune', beforeId: newUlid(before).slice(0, 10) });
      return answer.state === 'ok' ? answer.count : 0;
    },
    [Symbol.asyncDispose]: async () => {
      await lane.close();
      await owners[Symbol.asyncDispose]();
    },
  };
}

async function claim(
  lane: Lane,
  owners: Owners,
  { id, kind }: { id: string; kind: string },
  signal: AbortSignal,
): Promise<Opened> {
  for (;;) {
    signal.throwIfAborted();
    let answer = await lane.write({ op: 'open', id, kind, now: Date.now() });
    if (answer.state === 'claimed' && (await owners.isDead(answer.owner))) {
      answer = await lane.write({ op: 'take-over', id, from: answer.owner });
    }
    if (answer.state === 'open') return answer;
    if (answer.state === 'done') return { ...answer, outcome: JSON.parse(answer.outcome) as Outcome };
    await delay(claimedPauseMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Carries writes to the thread. While one transaction is flushed the next one gathers. */
interface Lane {
  write(write: JournalWrite): Promise<JournalAnswer>;
  /** Leaves a write for the next transaction. */
  later(write: JournalWrite): void;
  close(): Promise<void>;
}

interface Pending {
  readonly write: JournalWrite;
  readonly resolve: (answer: JournalAnswer) => void;
  readonly reject: (error: Error) => void;
}

function openLane(options: JournalOptions & { readonly owner: string }): Lane {
  const { path, owner, synchronous = 'FULL' } = options;
  const workerData: JournalThreadData = { path, owner, synchronous };
  const thread = new Worker(new URL('./thread.ts', import.meta.url), { workerData, name: 'journal' });
  let gathering: Pending[] = [];
  let flushing: Pending[] | undefined;
  let broken: SdmeError | undefined;
  const send = (): void => {
    if (flushing !== undefined || gathering.length === 0 || broken !== undefined) return;
    flushing = gathering;
    gathering = [];
    thread.postMessage(flushing.map(({ write }) => write));
  };
  const settle = (reply: JournalReply): void => {
    const done = flushing ?? [];
    flushing = undefined;
    for (const [i, entry] of done.entries()) {
      const answer = 'answers' in reply ? reply.answers[i] : undefined;
      if (answer !== undefined) entry.resolve(answer);
      else entry.reject(journalError(path, reply));
    }
    send();
  };
  const fail = (cause: Error): void => {
    broken ??= new SdmeError('io', `the journal ${path} is broken`, { cause });
    for (const entry of [...(flushing ?? []), ...gathering]) entry.reject(broken);
    flushing = undefined;
    gathering = [];
    options.onBroken(broken);
  };
  let closing = false;
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  thread.on('message', settle);
  thread.on('error', (error: unknown) => fail(error instanceof Error ? error : new Error(String(error))));
  thread.once('exit', () => {
    if (!closing) fail(new Error('its thread ended'));
  });
  const write = (entry: JournalWrite): Promise<JournalAnswer> => {
    if (broken !== undefined) return Promise.reject(broken);
    const { promise, resolve, reject } = Promise.withResolvers<JournalAnswer>();
    gathering.push({ write: entry, resolve, reject });
    // After the current turn, so that the writes of jobs that move together travel together.
    setImmediate(send);
    return promise;
  };
  return {
    write,
    later: (entry) => {
      if (broken === undefined) gathering.push({ write: entry, resolve: () => {}, reject: () => {} });
    },
    close: async () => {
      // Comes back after all that was written before it.
      await write({ op: 'prune', beforeId: '' }).catch(() => undefined);
      closing = true;
      if (broken === undefined) thread.postMessage([]);
      await ended;
    },
  };
}

function journalError(path: string, reply: JournalReply): SdmeError {
  const cause = new Error('failure' in reply ? reply.failure : 'it gave no answer');
  if ('full' in reply && reply.full) {
    return new SdmeError('disk.full', `cannot write the journal ${path}; free space on its disk`, { cause });
  }
  return new SdmeError('io', `cannot write the journal ${path}`, { cause });
}
