import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewLogLine } from '../../../src/queue/lifecycle.ts';
import { coalesce } from '../../../workers/reporting/coalesce.ts';
import { makeJobLog } from '../../../workers/reporting/job-log.ts';
import { makeProgressTree } from '../../../workers/reporting/progress.ts';
import { waitFor } from '../../helpers/wait-for.ts';

const ignore = (): void => {};
const failOn = (error: unknown): never => assert.fail(String(error));

test('many requests lead to few writes, the last of which comes after the last request', async () => {
  let requests = 0;
  const seen: number[] = [];
  const writes = coalesce(async () => seen.push(requests), 20, failOn);
  for (; requests < 1_000; requests += 1) writes.request();
  await waitFor('the write', () => seen.at(-1) === 1_000);
  assert.ok(seen.length <= 3, String(seen.length));
  await writes.stop();
});

test('while a write is under way no second one begins', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let running = 0;
  let most = 0;
  let count = 0;
  const writes = coalesce(
    async () => {
      count += 1;
      running += 1;
      most = Math.max(most, running);
      if (count === 1) await promise;
      running -= 1;
    },
    1,
    failOn,
  );
  writes.request();
  await waitFor('the first', () => count === 1);
  for (let i = 0; i < 10; i += 1) writes.request();
  resolve();
  await waitFor('the second', () => count === 2);
  await writes.stop();
  assert.equal(most, 1);
});

test('progress only grows, and bytes are counted where nothing lies below', () => {
  let signs = 0;
  const tree = makeProgressTree(() => {
    signs += 1;
  }, ignore);
  assert.equal(tree.used, false);
  tree.progress.step('download');
  const image = tree.progress.item('image', { label: 'image', unit: 'bytes', total: 300 });
  const layer = tree.progress.item('l1', { label: 'layer', unit: 'bytes', parent: 'image' });
  const files = tree.progress.item('f', { label: 'files', unit: 'files', total: 9 });
  layer.set(50, 100);
  layer.set(20);
  layer.add(-5);
  image.add(50);
  files.add(3);
  layer.note('joined');
  layer.end('shared');
  const { record, bytesDone, bytesTotal } = tree.snapshot();
  assert.deepEqual([bytesDone, bytesTotal], [50, 100]);
  assert.deepEqual(record.items[1], {
    id: 'l1',
    parent: 'image',
    label: 'layer',
    unit: 'bytes',
    done: 50,
    total: 100,
    note: 'joined',
    end: 'shared',
  });
  assert.equal(record.step, 'download');
  assert.ok(signs >= 9);
});

test('a job cannot grow its record without bound', () => {
  const tree = makeProgressTree(ignore, ignore);
  for (let i = 0; i < 5_000; i += 1) {
    tree.progress.item(`i${i}`, { label: 'x'.repeat(5_000), unit: 'items' }).note('y'.repeat(5_000));
  }
  assert.ok(JSON.stringify(tree.snapshot().record).length < 1_000_000);
});

test('log lines are written in order and in stretches; of a flood the newest are kept, and a line says so', async () => {
  const buffer = makeJobLog(ignore);
  for (let i = 0; i < 25_000; i += 1) buffer.log.info(`${i}`, { i, gone: undefined });
  const written: NewLogLine[] = [];
  await buffer.flush(async (lines) => {
    assert.ok(lines.length <= 501);
    written.push(...lines);
  });
  assert.equal(buffer.pending, false);
  assert.match(written[0]?.message ?? '', /^5000 log lines came faster/);
  assert.deepEqual(written[1]?.fields, { i: 5_000 });
  assert.equal(written.at(-1)?.message, '24999');
  assert.equal(written.length, 20_001);
});
