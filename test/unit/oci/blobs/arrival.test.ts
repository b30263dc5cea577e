import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
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

test('a blob that is followed gives its bytes as they come, all of them, in order', async () => {
  await inFile(async (path) => {
    const bytes = randomBytes(700_000);
    const arrival = newArrival(path, bytes.length);
    await using writer = await open(path, 'r+');
    await using reader = await openArrival(arrival);
    const done = Promise.withResolvers<void>();
    const read = buffer(followArrival(reader, arrival, done.promise));
    for (let at = 0; at < bytes.length; at += 100_000) {
      await writer.write(bytes, at, 100_000, at);
      arrival.advance(at + 100_000);
    }
    done.resolve();
    assert.deepEqual(await read, bytes);
  });
});

test('when the download fails, whoever follows it fails with its error', async () => {
  await inFile(async (path) => {
    const arrival = newArrival(path, 100);
    await using reader = await openArrival(arrival);
    const done = Promise.withResolvers<void>();
    const read = buffer(followArrival(reader, arrival, done.promise));
    const error = new SdmeError('oci.network', 'the registry went away');
    done.reject(error);
    await assert.rejects(read, error);
  });
});

test('when the download begins anew, following fails so that it may be tried again', async () => {
  await inFile(async (path) => {
    await writeFile(path, 'wrong');
    const arrival = newArrival(path, 100);
    arrival.advance(5);
    await using reader = await openArrival(arrival);
    const stream = followArrival(reader, arrival, new Promise(() => {}));
    const first = await stream[Symbol.asyncIterator]().next();
    assert.equal(String(first.value), 'wrong');
    arrival.restart();
    await assert.rejects(
      buffer(stream),
      (thrown: unknown) => thrown instanceof SdmeError && thrown.retryable,
    );
  });
});

test('only a download that will be over within two seconds is worth following', () => {
  const size = 100;
  assert.equal(isOverSoon({ length: 0, size, elapsedMs: 10 }), false, 'no pace is known');
  assert.equal(isOverSoon({ length: 10, size, elapsedMs: 100 }), true, '900 ms to go');
  assert.equal(isOverSoon({ length: 10, size, elapsedMs: 1000 }), false, '9 s to go');
  assert.equal(isOverSoon({ length: 90, size, elapsedMs: 9000 }), true, '1 s to go');
});
