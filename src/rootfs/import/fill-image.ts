import { SdmeError } from '../../base/errors.ts';
import type { ImageSource, ResolvedImage } from '../../oci/index.ts';
import { takeLock } from '../../system/fs/locks.ts';
import { emptyDirectory } from '../../system/fs/remove-tree.ts';
import { classifyImage, type ImageTreatment, takenAs } from '../classify.ts';
import { openPlain } from '../decompress.ts';
import type { DetectedSource } from '../detect.ts';
import { checkSpace, diskSpace, leastUnpackFactor } from '../disk-space.ts';
import type { Unpacked } from '../unpack/unpack.ts';
import { checkBase } from './check-target.ts';
import type { ByteOrigins, Filled } from './filled.ts';
import { feedLayers } from './layer-feed.ts';
import { makeApplicationRoot } from './on-base.ts';
import { sourceOptions, treatmentOf } from './treatment.ts';
import { startUnpackerFor, unpackInto } from './unpack-into.ts';
import type { UnpackerAhead } from './unpacker-ahead.ts';
import type { ImportWork } from './work.ts';

/** The sources that hold images. */
export type ImageOrigin = Extract<DetectedSource, { kind: 'registry' | 'layout' | 'archive' }>;

async function openSource({ ctx, store, input }: ImportWork, origin: ImageOrigin): Promise<ImageSource> {
  const { images } = store;
  const options = sourceOptions(input);
  switch (origin.kind) {
    case 'registry':
      return images.registry(origin.reference, options);
    case 'layout':
      return images.layout(origin.path, options);
    case 'archive': {
      const { path, compression } = origin;
      if (compression === 'none') return images.archive(path, ctx.signal, options);
      const plain = (signal: AbortSignal) => openPlain(path, compression, signal);
      return images.archive(path, ctx.signal, { ...options, plain });
    }
  }
}

/** Says what the image is, and refuses what cannot be imported as it was asked for. */
function classify({ ctx, store, input }: ImportWork, { config }: ResolvedImage): ImageTreatment {
  const taken = takenAs(classifyImage(config), input);
  ctx.log.info(taken === 'base' ? 'OCI image: base OS' : 'OCI image: application');
  return treatmentOf(config, input, store.settings);
}

/** Refuses what the disk cannot hold: the layers unpacked, and those still to be fetched if they are kept beside. */
async function checkDisk(work: ImportWork, source: ImageSource, image: ResolvedImage): Promise<void> {
  const { layout } = work.store;
  const unpacked = image.layers.reduce((sum, { size }) => sum + size, 0) * leastUnpackFactor;
  const need = { bytes: unpacked, inodes: image.layers.length };
  checkSpace(layout.fsDir, await diskSpace(layout.fsDir), need);
  let fetched = 0;
  for (const layer of image.layers) if (!(await source.has(layer))) fetched += layer.size;
  const cache = await diskSpace(layout.dataDir);
  if (layout.blobCacheDir.startsWith(`${layout.dataDir}/`)) {
    checkSpace(layout.fsDir, cache, { bytes: unpacked + fetched, inodes: 0 });
  }
}

/** Unpacks the layers; a blob of the cache that turns out damaged is fetched anew, once. */
async function unpackImage(
  work: ImportWork,
  source: ImageSource,
  image: ResolvedImage,
  ahead: UnpackerAhead,
): Promise<Unpacked & ByteOrigins> {
  const { ctx, store } = work;
  for (let again = false; ; again = true) {
    await using feed = feedLayers(ctx, source, image, store.settings.oci_parallel_blobs, ahead.letGo);
    try {
      const unpacked = await unpackInto(work, feed.layers(), 'apply', again ? undefined : ahead);
      return { ...unpacked, ...feed.origins() };
    } catch (error) {
      const damaged = error instanceof SdmeError && error.code === 'oci.digest-mismatch';
      if (again || !damaged || !(await feed.discardCurrent())) throw error;
      ctx.log.warn(`${error.message}; fetching it again`);
      await emptyDirectory(work.tree, { signal: ctx.signal });
    }
  }
}

/** An application on its way onto a base: where it is unpacked, and what makes a service of it. */
interface Placed {
  readonly name: string;
  readonly root: string;
  readonly finish: () => void;
}

async function placeOnBase(
  work: ImportWork,
  baseFs: string,
  origin: ImageOrigin,
  { reference, config }: ResolvedImage,
): Promise<Placed> {
  const { ctx, store, tree, input, applications } = work;
  if (applications === undefined) throw new SdmeError('internal', 'this caller imports no applications');
  const name = applications.name(origin.kind === 'registry' ? reference : undefined, input.name);
  // The job holds the lock of a base that its input names.
  const own =
    input.baseFs === undefined ? ({ kind: 'fs', name: baseFs, mode: 'shared' } as const) : undefined;
  await using _lock = own === undefined ? undefined : await takeLock(store.layout, own);
  await checkBase(store.layout, baseFs);
  const root = await makeApplicationRoot(work, baseFs, name);
  return { name, root, finish: () => applications.place(ctx, tree, { name, reference, config }) };
}

/** Fills the tree with an image's layers. @throws SdmeError `oci.*`, `unpack.*`, `disk.full`, `input.invalid` */
export async function fillFromImage(work: ImportWork, origin: ImageOrigin): Promise<Filled> {
  const { ctx } = work;
  await using source = await openSource(work, origin);
  // It starts up while the registry is asked.
  await using ahead = startUnpackerFor(work);
  const image = await source.resolve(ctx);
  const { config, reference, manifestDigest } = image;
  const treatment = classify(work, image);
  await checkDisk(work, source, image);
  const placed =
    treatment.as === 'app' ? await placeOnBase(work, treatment.baseFs, origin, image) : undefined;
  ctx.progress.step('download');
  const place = { ...work, tree: placed?.root ?? work.tree };
  const unpacked = await unpackImage(place, source, image, ahead);
  placed?.finish();
  const { bytes, entries, sharedBytes, cachedBytes, fetchedBytes } = unpacked;
  return {
    kind: origin.kind,
    bytes,
    entries,
    sharedBytes,
    cachedBytes,
    fetchedBytes,
    image: {
      class: treatment.as === 'base' ? 'base' : 'app',
      config,
      reference,
      manifestDigest,
      ...(placed === undefined ? {} : { application: placed.name }),
    },
  };
}
