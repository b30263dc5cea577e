import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { newUlid } from '../../../../src/base/ulid.ts';
import { openJournalFile } from '../../../../workers/journal/entries.ts';
import { openJournal } from '../../../../workers/journal/open.ts';

const never = new AbortController().signal;
const done = { state: 'succeeded', result: { a: 1 } } as const;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sdme-journal-'));
});
afterEach(() => rm(dir, { recursive: true }));

const open = () =>
  openJournal({
    path: join(dir, 'journal.db'),
    runtimeDir: dir,
    onBroken: (error) => assert.fail(error),
  });
const dead = () => openJournalFile(join(dir, 'journal.db'), newUlid(), 'FULL');

test('an entry that was opened and ended gives its outcome, also to a later worker', async () => {
  const id = newUlid();
  {
    await using journal = await open();
    assert.deepEqual(await journal.open(id, 'k', never), {
      state: 'open',
      attempt: 1,
      crashes: 0,
      first: true,
    });
    await journal.done(id, done);
  }
  await using later = await open();
  assert.deepEqual(await later.open(id, 'k', never), {
    state: 'done',
    attempt: 1,
    crashes: 0,
    outcome: done,
  });
});

test('a claim of a dead worker is taken over and counts as a crash only while its handler ran', async () => {
  const id = newUlid();
  const predecessor = dead();
  predecessor.write([{ op: 'open', id, kind: 'k', now: 1 }]);
  predecessor.close();
  for (const [crashes, run] of [
    [1, false],
    [1, true],
    [2, false],
  ] as const) {
    // The worker before it dies without a word: nothing releases what it claimed.
    const journal = await open();
    const opened = await journal.open(id, 'k', never);
    assert.deepEqual(opened, { state: 'open', attempt: 1, crashes, first: false });
    if (run) await journal.running(id);
    await journal[Symbol.asyncDispose]();
  }
});

test('a claim of a living worker is waited for, and then gives the outcome', async () => {
  const id = newUlid();
  await using first = await open();
  await using second = await open();
  await first.open(id, 'k', never);
  const impatient = new AbortController();
  const refused = second.open(id, 'k', impatient.signal);
  impatient.abort(new Error('enough'));
  await assert.rejects(refused, /enough/);
  const waiting = second.open(id, 'k', never);
  await first.done(id, done);
  assert.equal((await waiting).state, 'done');
});

test('a released entry counts an attempt only when told to, and is no crash', async () => {
  const id = newUlid();
  await using journal = await open();
  await journal.open(id, 'k', never);
  await journal.release(id, false);
  assert.deepEqual(await journal.open(id, 'k', never), {
    state: 'open',
    attempt: 1,
    crashes: 0,
    first: false,
  });
  await journal.release(id, true);
  assert.deepEqual(await journal.open(id, 'k', never), {
    state: 'open',
    attempt: 2,
    crashes: 0,
    first: false,
  });
});

test('pruning forgets what no worker holds and was submitted before', async () => {
  await using journal = await open();
  const [old, held, young] = [newUlid(1_000), newUlid(1_000), newUlid(9_000_000)];
  for (const id of [old, held, young]) await journal.open(id, 'k', never);
  await journal.done(old, done);
  await journal.done(young, done);
  assert.equal(await journal.prune(8_000_000), 1);
  assert.equal((await journal.open(young, 'k', never)).state, 'done');
  assert.equal((await journal.open(old, 'k', never)).state, 'open');
});

test('a transaction that fails fails all of its writes and none is done', () => {
  const file = dead();
  const id = newUlid();
  const broken = { op: 'open', id: newUlid(), kind: null as unknown as string, now: 1 } as const;
  assert.throws(() => file.write([{ op: 'open', id, kind: 'k', now: 1 }, broken]));
  const [answer] = file.write([{ op: 'open', id, kind: 'k', now: 1 }]);
  assert.equal(answer?.state === 'open' && answer.first, true);
  file.close();
});

test('writes that come together are answered each with its own', async () => {
  await using journal = await open();
  const ids = Array.from({ length: 200 }, () => newUlid());
  await Promise.all(ids.map((id) => journal.open(id, 'k', never)));
  await Promise.all(ids.map((id) => journal.done(id, { state: 'succeeded', result: id })));
  const opened = await Promise.all(ids.map((id) => journal.open(id, 'k', never)));
  assert.deepEqual(
    opened.map(
      (entry) => entry.state === 'done' && entry.outcome.state === 'succeeded' && entry.outcome.result,
    ),
    ids,
  );
});
