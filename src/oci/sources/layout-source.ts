import { z } from 'zod';
import type { Context } from '../../base/context.ts';
import { SdmeError } from '../../base/errors.ts';
import type { Descriptor } from '../descriptors.ts';
import { checkBytes, digestOf, mismatch, shortDigest } from '../digest-check.ts';
import { parseImageConfig } from '../image-config.ts';
import { parseUntrustedJson } from '../json.ts';
import { documentMaxSize, type IndexDocument, parseDocument } from '../manifests.ts';
import type { Platform } from '../platforms.ts';
import { printable } from '../printable.ts';
import { candidates, resolveManifest } from '../resolve-manifest.ts';
import { assembleImage } from '../resolved-image.ts';
import type { ImageSource, LayerDescriptor, LocalBlob, ResolvedImage } from './image-source.ts';
import { blobPathInLayout, type LayoutFiles } from './layout-files.ts';
import { layerItem } from './progress-items.ts';

const versionSchema = z.looseObject({ imageLayoutVersion: z.literal('1.0.0') });

/** Whether the `oci-layout` file is one we understand. @throws SdmeError `oci.manifest-invalid` */
export function checkLayoutVersion(bytes: Uint8Array, name: string): void {
  const parsed = versionSchema.safeParse(parseUntrustedJson(bytes, `oci-layout of ${name}`));
  if (!parsed.success)
    throw new SdmeError('oci.manifest-invalid', `${name} is not an OCI layout of version 1.0.0`);
}

/** Reads a blob that must be there whole and right. */
async function readBlob(files: LayoutFiles, wanted: Descriptor): Promise<Buffer> {
  const what = `blob ${shortDigest(wanted.digest)} of ${files.name}`;
  const bytes = await files.read(blobPathInLayout(wanted.digest), documentMaxSize);
  if (bytes === undefined) throw new SdmeError('not-found', `${what} is missing`);
  checkBytes(bytes, wanted, what);
  return bytes;
}

/** A layout may hold several images and a path cannot say which: then it is an error, not a guess. */
function checkSingle(index: IndexDocument, platform: Platform, name: string): void {
  const fitting = candidates(index, platform);
  const digests = new Set(fitting.map(({ digest }) => digest));
  const names = fitting.map((entry) => printable(entry.name ?? shortDigest(entry.digest), 60));
  if (digests.size > 1 && new Set(names).size > 1) {
    throw new SdmeError(
      'input.invalid',
      `${name} holds several images (${names.slice(0, 10).join(', ')}); copy the one you want into a layout of its own`,
    );
  }
}

/** What a layout is read for. */
export interface LayoutOptions {
  readonly platform: Platform;
  /** Largest image in compressed bytes. */
  readonly maxImageSize: number;
}

/** An image in an OCI layout, a directory or an archive. Its blobs are read where they lie; nothing is copied. */
export function openLayoutSource(files: LayoutFiles, options: LayoutOptions): ImageSource {
  const { platform, maxImageSize } = options;
  const { name } = files;
  let resolved: ResolvedImage | undefined;
  return {
    name,
    resolve: async () => {
      const version = await files.read('oci-layout', documentMaxSize);
      if (version === undefined) throw new SdmeError('input.invalid', `${name} has no oci-layout file`);
      checkLayoutVersion(version, name);
      const root = await files.read('index.json', documentMaxSize);
      if (root === undefined) throw new SdmeError('oci.manifest-invalid', `${name} has no index.json`);
      const index = parseDocument(root, `index.json of ${name}`, ['application/vnd.oci.image.index.v1+json']);
      if (index.kind !== 'index')
        throw new SdmeError('oci.manifest-invalid', `index.json of ${name} is not an index`);
      checkSingle(index, platform, name);
      const document = { bytes: root, digest: digestOf(root), mediaType: undefined };
      const found = await resolveManifest(document, name, platform, async (entry) => ({
        bytes: await readBlob(files, entry),
        digest: entry.digest,
        mediaType: entry.mediaType,
      }));
      const { config: wanted, layers } = found.manifest;
      const config = parseImageConfig(await readBlob(files, wanted), `the configuration of ${name}`);
      resolved = assembleImage(
        { reference: name, manifestDigest: found.digest, layers, config },
        platform,
        maxImageSize,
      );
      return resolved;
    },
    blob: (ctx: Context, layer: LayerDescriptor) => openLayer(ctx, files, layer, resolved),
    has: () => Promise.resolve(true),
    [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
  };
}

async function openLayer(
  ctx: Context,
  files: LayoutFiles,
  layer: LayerDescriptor,
  image: ResolvedImage | undefined,
): Promise<LocalBlob> {
  ctx.signal.throwIfAborted();
  const file = await files.open(blobPathInLayout(layer.digest));
  const what = `blob ${shortDigest(layer.digest)} of ${files.name}`;
  if (file === undefined) throw new SdmeError('not-found', `${what} is missing`);
  if (file.size !== layer.size) {
    await file.handle.close();
    throw mismatch(what, `${layer.size} bytes`, `${file.size} bytes`);
  }
  const item = layerItem(ctx, layer, image);
  item.set(layer.size, layer.size);
  item.end('done');
  return localFile(layer, file);
}

/** A blob that is read where it lies; its bytes are not checked yet. */
export function localFile(
  wanted: Descriptor,
  file: { readonly handle: LocalBlob['handle']; readonly offset: number },
): LocalBlob {
  let open = true;
  const end = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await file.handle.close();
  };
  return {
    digest: wanted.digest,
    size: wanted.size,
    handle: file.handle,
    offset: file.offset,
    via: 'local',
    verified: false,
    discard: async () => {
      await end();
      return false;
    },
    [Symbol.asyncDispose]: end,
  };
}
