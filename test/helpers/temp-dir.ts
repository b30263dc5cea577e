import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from '../../src/system/fs/remove-tree.ts';

/** A directory of one test, removed with all that is in it when its scope ends. */
export interface TempDir extends AsyncDisposable {
  readonly path: string;
}

/** Makes a {@link TempDir}. */
export async function tempDir(prefix = 'sdme-test-'): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  return { path, [Symbol.asyncDispose]: () => removeTree(path) };
}
