import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { detachedContext } from '../../src/base/context.ts';
import { parseDigest } from '../../src/base/digests.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { type LayerInput, type Unpacked, unpackLayers } from '../../src/rootfs/unpack/unpack.ts';
import { childPids } from '../helpers/child-pids.ts';
import { endMarker, file, tar } from '../helpers/raw-tar.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { needsRoot } from '../helpers/unpack-case.ts';

const limits = { bytes: 2 ** 30, entries: 1000 };
const content = randomBytes(900_000);
const blob = gzipSync(Buffer.concat([tar(file('a', content)), endMarker]));
const half = Math.floor(blob.length / 2);

/** What is written to a file while it is unpacked. */
interface Growing {
  readonly writer: FileHandle;
  readonly root: string;
  unpack(beyond: (have: number) => Promise<number>): Promise<Unpacked>;
}

async function whileGrowing(work: (growing: Growing) => Promise<void>): Promise<void> {
  await using directory = await tempDir();
  const root = join(directory.path, 'root');
  mkdirSync(root, { mode: 0o700 });
  const path = join(directory.path, 'part');
  await using writer = await open(path, 'w');
  await using handle = await open(path, 'r');
  const before = childPids();
  await work({
    writer,
    root,
    unpack: (beyond) => {
      const digest = parseDigest(`sha256:${createHash('sha256').update(blob).digest('hex')}`);
      const layer: LayerInput = { label: 'grows', file: { handle, beyond }, size: blob.length, digest };
      return unpackLayers(detachedContext(), { target: root, layers: [layer], limits });
    },
  });
  assert.deepEqual(childPids(), before, 'a child is left');
}

test(
  'a file that grows is unpacked as it comes, and never read beyond what is said to be there',
  {
    skip: needsRoot,
  },
  () =>
    whileGrowing(async ({ writer, root, unpack }) => {
      const asked: number[] = [];
      await writer.write(Buffer.alloc(blob.length, 'not these'));
      await unpack(async (have) => {
        asked.push(have);
        const length = Math.min(blob.length, have + 300_000);
        await writer.write(blob, have, length - have, have);
        return length;
      });
      assert.deepEqual(readFileSync(join(root, 'a')), content);
      assert.deepEqual(asked, [0, 300_000, 600_000, 900_000].slice(0, Math.ceil(blob.length / 300_000)));
    }),
);

test('when a file stops growing, unpacking fails with the reason', { skip: needsRoot }, () =>
  whileGrowing(async ({ writer, unpack }) => {
    const vanished = new SdmeError('oci.network', 'the registry vanished');
    await assert.rejects(
      unpack(async (have) => {
        if (have > 0) throw vanished;
        await writer.write(blob, 0, half, 0);
        return half;
      }),
      vanished,
    );
  }),
);

test(
  'a file that is begun anew while it is read is no damaged one: it may be tried again',
  {
    skip: needsRoot,
  },
  () =>
    whileGrowing(async ({ unpack }) => {
      await assert.rejects(
        unpack(() => Promise.resolve(half)),
        (error: unknown) => error instanceof SdmeError && error.code === 'io' && error.retryable,
      );
    }),
);

test('a file that has grown to its size and has other bytes is refused', { skip: needsRoot }, () =>
  whileGrowing(async ({ writer, unpack }) => {
    await writer.write(blob);
    await writer.write(Buffer.of((blob[half] ?? 0) ^ 1), 0, 1, half);
    await assert.rejects(
      unpack(() => Promise.resolve(blob.length)),
      { code: 'oci.digest-mismatch' },
    );
  }),
);
