import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Context } from '../../base/context.ts';
import { SdmeError, toErrorRecord } from '../../base/errors.ts';
import type { FsImportInput } from '../../contracts/fs-import.ts';
import { planImage } from '../../oci/index.ts';
import { type ClassifiedConfig, checkImageRequest } from '../classify.ts';
import { treeSize } from '../copy/tree-size.ts';
import { detectByText, detectPath } from '../detect.ts';
import { probeUrl } from '../download/probe.ts';
import { checkBase, checkName } from '../import/check-target.ts';
import { sourceOptions, treatmentOf } from '../import/treatment.ts';
import { factsOf } from '../source-facts.ts';
import type { ImportStore } from '../store.ts';
import { type ImportPlan, type PlannedSource, sumPlan } from './sum.ts';

/** What a source is, whoever imports it under whatever name. */
interface Looked extends Omit<PlannedSource, 'source' | 'name' | 'error'> {
  /** Of an image, as far as it was looked at. */
  readonly config?: ClassifiedConfig;
}

const nothing: Omit<Looked, 'kind'> = { pieces: [], localBytes: 0, compressed: true };

async function lookAtRegistry(ctx: Context, store: ImportStore, input: FsImportInput): Promise<Looked> {
  const options = { ...sourceOptions(input), readOnly: true };
  await using source = store.images.registry(input.source, options);
  const { layers, config } = await planImage(ctx, source);
  const kept = !input.noCache && store.settings.oci_cache_max_size > 0;
  const pieces = layers.map(({ digest, size, here }) => ({ id: digest, size, here, kept }));
  return { ...nothing, kind: 'registry', pieces, config };
}

async function lookAtLayout(
  ctx: Context,
  { images }: ImportStore,
  path: string,
  input: FsImportInput,
): Promise<Looked> {
  await using source = await images.layout(path, sourceOptions(input));
  const { totalBytes, config } = await planImage(ctx, source);
  return { ...nothing, kind: 'layout', localBytes: totalBytes, config };
}

async function lookAtUrl(ctx: Context, { images, settings }: ImportStore, url: string): Promise<Looked> {
  const size = await probeUrl(ctx, url, settings, images.environment);
  const pieces = [{ id: url, size: size ?? 0, here: false, kept: false }];
  return { ...nothing, kind: 'url', pieces, ...(size === undefined ? { sizeUnknown: true } : {}) };
}

async function look(ctx: Context, store: ImportStore, input: FsImportInput): Promise<Looked> {
  const { source } = input;
  const detected = detectByText(source) ?? detectPath(source, await factsOf(source, ctx.signal));
  switch (detected.kind) {
    case 'registry':
      return lookAtRegistry(ctx, store, input);
    case 'layout':
      return lookAtLayout(ctx, store, detected.path, input);
    case 'url':
      return lookAtUrl(ctx, store, detected.url);
    case 'archive':
    case 'tarball': {
      const { size } = await stat(detected.path);
      const compressed = detected.compression !== 'none';
      return { ...nothing, kind: detected.kind, localBytes: size, compressed };
    }
    case 'directory': {
      const { bytes } = await treeSize(detected.path, ctx.signal);
      return { ...nothing, kind: 'directory', localBytes: bytes, compressed: false };
    }
  }
}

/** What decides how a source is read; imports that have it in common are looked at once. */
function lookKey({ source, platform, noCache }: FsImportInput): string {
  return JSON.stringify([source, platform, noCache]);
}

/** Refuses what the import itself would refuse. A base may be one that another import of the batch makes. */
async function checkImport(
  { layout, settings }: ImportStore,
  input: FsImportInput,
  config: ClassifiedConfig | undefined,
  made: ReadonlySet<string>,
): Promise<void> {
  checkImageRequest(input);
  await checkName(layout, input);
  const treatment = config === undefined ? undefined : treatmentOf(config, input, settings);
  const baseFs = treatment?.as === 'app' ? treatment.baseFs : input.baseFs;
  if (baseFs !== undefined && !made.has(baseFs)) await checkBase(layout, baseFs);
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
 * need on disk. Changes nothing: no manifest, blob or directory is kept. An import that would be refused is in the
 * plan with its error.
 */
export async function planImport(
  ctx: Context,
  store: ImportStore,
  wanted: readonly FsImportInput[],
): Promise<ImportPlan> {
  const looks = new Map<string, Promise<Looked>>();
  const made = new Set(wanted.map(({ name }) => name));
  const planOne = async (input: FsImportInput): Promise<PlannedSource> => {
    const { source, name } = input;
    const looking = looks.get(lookKey(input)) ?? look(ctx, store, input);
    looks.set(lookKey(input), looking);
    try {
      const { config, ...findings } = await looking;
      await checkImport(store, input, config, made);
      return { source, name, ...findings };
    } catch (error) {
      ctx.signal.throwIfAborted();
      return { source, name, ...nothing, error: toErrorRecord(error) };
    }
  };
  const planned: PlannedSource[] = [];
  const pending = wanted.entries();
  const worker = async (): Promise<void> => {
    for (const [index, input] of pending) planned[index] = await planOne(input);
  };
  await Promise.all(Array.from({ length: store.settings.oci_parallel_blobs }, worker));
  return sumPlan(planned, await availableAt(store.layout.fsDir), store.settings.oci_cache_max_size);
}
