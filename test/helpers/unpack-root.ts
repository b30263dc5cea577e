import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { UnpackLimits } from '../../src/rootfs/unpack/unpack.ts';
import { childPids } from './child-pids.ts';
import { tempDir } from './temp-dir.ts';

/** Limits that no test meets. */
export const limits: Pick<UnpackLimits, 'bytes' | 'entries'> = { bytes: 2 ** 31, entries: 1_000_000 };

/** An empty root beside whatever else a test makes; checks that no child is left. */
export async function withRoot(work: (root: string, beside: string) => Promise<void>): Promise<void> {
  await using directory = await tempDir();
  const root = join(directory.path, 'root');
  mkdirSync(root, { mode: 0o700 });
  const before = childPids();
  await work(root, directory.path);
  assert.deepEqual(childPids(), before, 'a child is left');
}
