import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { layoutOf } from '../../src/base/paths.ts';
import { parseSettings } from '../../src/config/load.ts';
import { type FsImportInput, fsImport } from '../../src/contracts/fs-import.ts';
import type { ImportStore } from '../../src/rootfs/store.ts';
import { openTestImages } from './images-room.ts';
import { tempDir } from './temp-dir.ts';

/** Why tests that need root cannot run here, or undefined. */
export function rootMissing(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'needs root';
}

/** A store of one test in a directory of its own, with image sources of its own. */
export interface TestStore extends ImportStore, AsyncDisposable {
  /** Room for sources; beside the data directory. */
  readonly dir: string;
}

/** Opens one. `settings` are those of the configuration file; `dataDir` may lie elsewhere, e.g. on a small disk. */
export async function openTestStore(
  settings: Readonly<Record<string, unknown>> = {},
  dataDir?: string,
): Promise<TestStore> {
  const stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir('sdme-store-')).path;
  const data = dataDir ?? join(dir, 'data');
  const layout = layoutOf(data, join(dir, 'run'));
  const { images } = stack.use(await openTestImages(settings, { cacheDir: layout.blobCacheDir }));
  await mkdir(join(dir, 'sources'));
  return {
    dir: join(dir, 'sources'),
    layout,
    settings: parseSettings(settings, 'test'),
    images,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The input of an import with defaults; `force` is on, as test trees cannot boot. */
export function importInput(source: string, over: Partial<FsImportInput> = {}): FsImportInput {
  return { ...fsImport.input.parse({ source, name: 'tree', force: true }), ...over };
}
