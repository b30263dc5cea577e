import { writeFile } from 'node:fs/promises';
import type { Context, ProgressItem } from '../../src/base/context.ts';
import { parseSettings } from '../../src/config/load.ts';
import { type Images, type ImagesOptions, openImages } from '../../src/oci/images.ts';
import { hostPlatform } from '../../src/oci/platforms.ts';
import { type TempDir, tempDir } from './temp-dir.ts';

/** What a test saw of one progress item. */
export interface SeenItem {
  readonly id: string;
  readonly label: string;
  done: number;
  total: number | undefined;
  end: string | undefined;
  readonly notes: string[];
}

/** A context that keeps what is shown and logged. */
export interface SeenContext extends Context {
  readonly items: SeenItem[];
  readonly warnings: string[];
}

/** Makes a {@link SeenContext} for a job of that id. */
export function seenContext(jobId = 'job', signal: AbortSignal = new AbortController().signal): SeenContext {
  const items: SeenItem[] = [];
  const warnings: string[] = [];
  return {
    jobId,
    signal,
    items,
    warnings,
    log: { info: () => {}, warn: (message) => warnings.push(message), error: () => {} },
    progress: {
      step: () => {},
      item: (id, { label, total }): ProgressItem => {
        const seen: SeenItem = { id, label, done: 0, total, end: undefined, notes: [] };
        items.push(seen);
        return {
          add: (count) => {
            seen.done += count;
          },
          set: (done, max) => {
            seen.done = done;
            if (max !== undefined) seen.total = max;
          },
          note: (text) => seen.notes.push(text),
          end: (state = 'done') => {
            seen.end = state;
          },
        };
      },
    },
    withSlot: (_resource, work) => work(),
    hasFreeSlot: () => true,
  };
}

/** The image room of one test, in a directory of its own; no setting of the machine reaches it. */
export interface TestImages extends AsyncDisposable {
  readonly images: Images;
  readonly cacheDir: string;
  readonly dir: string;
}

/** Opens one. Settings are those of the configuration file; retries are fast. */
export async function openTestImages(
  settings: Readonly<Record<string, unknown>> = {},
  options: Partial<ImagesOptions> = {},
): Promise<TestImages> {
  const dir: TempDir = await tempDir('sdme-oci-');
  const cacheDir = options.cacheDir ?? `${dir.path}/cache`;
  const registriesConf = `${dir.path}/registries.conf`;
  await writeFile(registriesConf, '');
  const images = openImages({
    settings: parseSettings(settings, 'test'),
    platform: hostPlatform('x64'),
    retry: { tries: 4, firstMs: 5, maxMs: 20, maxRetryAfterMs: 3_000 },
    ...options,
    cacheDir,
    environment: {
      HOME: dir.path,
      XDG_RUNTIME_DIR: dir.path,
      CONTAINERS_REGISTRIES_CONF: registriesConf,
      ...options.environment,
    },
  });
  return {
    images,
    cacheDir,
    dir: dir.path,
    [Symbol.asyncDispose]: async () => {
      images.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}
