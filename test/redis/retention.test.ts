import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startEngine } from '../helpers/job-engine.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { sleepJob, touchJob } from './fixtures/test-kinds.ts';

test('a worker removes ended jobs beyond the number and the age of its settings, and none that has not ended', async () => {
  await using engine = await startEngine();
  const first = await engine.startWorker();
  const ids: string[] = [];
  for (let i = 0; i < 6; i += 1) {
    const { id } = await engine.submit(touchJob, { text: `${i}` });
    await engine.until(id, ['succeeded']);
    ids.push(id);
  }
  const { id: live } = await engine.submit(sleepJob, sleepJob.input.parse({ ms: 60_000 }));
  await engine.until(live, ['running']);
  first.kill('SIGKILL');
  await first.ended;
  const left = async (): Promise<string[]> => (await engine.records.list()).map(({ id }) => id);

  const second = await engine.startWorker({ settings: { job_retention_count: 2 } });
  await waitFor('only so many to be left', async () => (await left()).length === 3);
  assert.deepEqual(await left(), [live, ...ids.slice(-2).reverse()]);
  second.kill('SIGKILL');
  await second.ended;

  const endedAt = (await engine.record(ids.at(-1) ?? '')).endedAt ?? 0;
  await waitFor('them to be old', () => Date.now() > endedAt + 1_000);
  await engine.startWorker({ settings: { job_retention_age: 1 } });
  await waitFor('the old ones to be gone', async () => (await left()).length === 1);
  assert.deepEqual(await left(), [live]);
});
