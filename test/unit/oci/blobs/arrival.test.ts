import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SdmeError } from '../../../../src/base/errors.ts';
import { followArrival, isOverSoon, newArrival, openArrival } from '../../../../src/oci/blobs/arrival.ts';

async function inFile(work: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'sdme-arrival-'));
  try {
    const path = join(directory, 'part');
    await writeFile(path, '');
    await work(path);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('whoever follows a blob hears of its bytes as they come, up to the last one', async () => {
  const arrival = newArrival('unused', 30);
  const beyond = followArrival(arrival, new Promise(() => {}));
  const first = beyond(0);
  arrival.advance(10);
  assert.equal(await first, 10);
  assert.equal(await beyond(5), 10, 'what is there is not waited for');
  const second = beyond(10);
  arrival.advance(30);
  assert.equal(await second, 30);
  assert.equal(await beyond(30), 30, 'there is nothing beyond a whole one');
});

test('a blob that is followed may be renamed meanwhile', async () => {
  await inFile(async (path) => {
    await writeFile(path, 'bytes');
    await using reader = await openArrival(newArrival(path, 5));
    await rename(path, `${path}.done`);
    assert.equal(String(await reader.readFile()), 'bytes');
  });
});

test('when the download fails, whoever follows it fails with its error', async () => {
  const arrival = newArrival('unused', 100);
  const done = Promise.withResolvers<void>();
  const waiting = followArrival(arrival, done.promise)(0);
  const error = new SdmeError('oci.network', 'the registry went away');
  done.reject(error);
  await assert.rejects(waiting, error);
});

test('when the download begins anew, following fails so that it may be tried again', async () => {
  const arrival = newArrival('unused', 100);
  arrival.advance(5);
  const beyond = followArrival(arrival, new Promise(() => {}));
  assert.equal(await beyond(0), 5);
  arrival.restart();
  arrival.advance(50);
  await assert.rejects(beyond(5), (thrown: unknown) => thrown instanceof SdmeError && thrown.retryable);
});

test('only a download that will be over within two seconds is worth following', () => {
  const size = 100;
  assert.equal(isOverSoon({ length: 0, size, elapsedMs: 10 }), false, 'no pace is known');
  assert.equal(isOverSoon({ length: 10, size, elapsedMs: 100 }), true, '900 ms to go');
  assert.equal(isOverSoon({ length: 10, size, elapsedMs: 1000 }), false, '9 s to go');
  assert.equal(isOverSoon({ length: 90, size, elapsedMs: 9000 }), true, '1 s to go');
});
