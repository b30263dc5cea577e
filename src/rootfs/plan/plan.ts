import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Context } from '../../base/context.ts';
import { SdmeError, toErrorRecord } from '../../base/errors.ts';
import { type ImageSource, planImage } from '../../oci/index.ts';
import { type DetectedSource, detectByText, detectPath } from '../detect.ts';
import { probeUrl } from '../download/probe.ts';
import { factsOf } from '../source-facts.ts';
import type { ImportStore } from '../store.ts';
import { type ImportPlan, type PlannedPiece, type PlannedSource, sumPlan } from './sum.ts';

/** One import to plan for. */
export interface PlannedImport {
  readonly source: string;
  readonly name: string;
}

type Findings = Omit<PlannedSource, 'source' | 'name' | 'error'>;

const nothing: Omit<Findings, 'kind'> = { pieces: [], localBytes: 0, compressed: true };

async function piecesOf(ctx: Context, open: () => Promise<ImageSource>): Promise<PlannedPiece[]> {
  await using source = await open();
  const { layers } = await planImage(ctx, source);
  return layers.map(({ digest, size, here }) => ({ id: digest, size, here }));
}

async function look(ctx: Context, store: ImportStore, detected: DetectedSource): Promise<Findings> {
  const { images, settings } = store;
  switch (detected.kind) {
    case 'registry': {
      const open = async (): Promise<ImageSource> => images.registry(detected.reference, { readOnly: true });
      return { ...nothing, kind: 'registry', pieces: await piecesOf(ctx, open) };
    }
    case 'layout':
      return { ...nothing, kind: 'layout', pieces: await piecesOf(ctx, () => images.layout(detected.path)) };
    case 'url': {
      const size = (await probeUrl(ctx, detected.url, settings, images.environment)) ?? 0;
      return { ...nothing, kind: 'url', pieces: [{ id: detected.url, size, here: false }] };
    }
    case 'archive':
    case 'tarball': {
      const { size } = await stat(detected.path);
      return {
        ...nothing,
        kind: detected.kind,
        localBytes: size,
        compressed: detected.compression !== 'none',
      };
    }
    case 'directory':
      // Its size is known only after walking it, which a plan over thousands of lines does not do.
      return { ...nothing, kind: 'directory' };
  }
}

async function planSource(ctx: Context, store: ImportStore, wanted: PlannedImport): Promise<PlannedSource> {
  const { source, name } = wanted;
  try {
    const detected = detectByText(source) ?? detectPath(source, await factsOf(source, ctx.signal));
    return { source, name, ...(await look(ctx, store, detected)) };
  } catch (error) {
    ctx.signal.throwIfAborted();
    return { source, name, ...nothing, error: toErrorRecord(error) };
  }
}

/** Free bytes of the disk that holds a path, or will: its first parent that is there. */
async function availableAt(path: string): Promise<number> {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { bsize, bavail } = await statfs(at);
      return bsize * bavail;
    } catch (cause) {
      if (at === '/') throw new SdmeError('io', `cannot look at ${path}`, { cause });
    }
  }
}

/**
 * Says what importing all the sources would fetch, after sharing among them and with the cache, and what it would
 * need on disk. Changes nothing: no manifest, blob or directory is kept. A source that cannot be imported is in the
 * plan with its error. Equal sources are asked about once.
 */
export async function planImport(
  ctx: Context,
  store: ImportStore,
  wanted: readonly PlannedImport[],
): Promise<ImportPlan> {
  const asked = new Map<string, Promise<PlannedSource>>();
  const planned: PlannedSource[] = [];
  const pending = wanted.values();
  const results = new Map<PlannedImport, PlannedSource>();
  const worker = async (): Promise<void> => {
    for (const one of pending) {
      const known = asked.get(one.source) ?? planSource(ctx, store, one);
      asked.set(one.source, known);
      results.set(one, { ...(await known), name: one.name });
    }
  };
  await Promise.all(Array.from({ length: store.settings.oci_parallel_blobs }, worker));
  for (const one of wanted) {
    const found = results.get(one);
    if (found !== undefined) planned.push(found);
  }
  const keeps = store.settings.oci_cache_max_size > 0;
  return sumPlan(planned, await availableAt(store.layout.fsDir), keeps);
}
