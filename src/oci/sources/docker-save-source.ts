import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Digest } from '../../base/digests.ts';
import { SdmeError } from '../../base/errors.ts';
import type { Descriptor } from '../descriptors.ts';
import { digestOf } from '../digest-check.ts';
import { parseImageConfig } from '../image-config.ts';
import { parseUntrustedJson } from '../json.ts';
import { documentMaxSize, layersMaxCount } from '../manifests.ts';
import { printable } from '../printable.ts';
import { assembleImage } from '../resolved-image.ts';
import type { ImageSource, LayerDescriptor, ResolvedImage } from './image-source.ts';
import type { LayoutFile, LayoutFiles } from './layout-files.ts';
import { type LayoutOptions, localFile } from './layout-source.ts';
import { layerItem } from './progress-items.ts';

const schema = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).max(layersMaxCount),
  }),
);

/** One image of a `docker save` archive: names of members. */
export interface SavedImage {
  readonly config: string;
  readonly layers: readonly string[];
}

/** Parses manifest.json; an archive of several images is an error, as the path cannot say which. */
export function parseSavedManifest(bytes: Uint8Array, name: string): SavedImage {
  const what = `manifest.json of ${name}`;
  const parsed = schema.safeParse(parseUntrustedJson(bytes, what));
  if (!parsed.success) throw new SdmeError('oci.manifest-invalid', `${what} is not that of docker save`);
  const [image, ...others] = parsed.data;
  if (image === undefined) throw new SdmeError('oci.manifest-invalid', `${what} names no image`);
  if (others.length > 0) {
    const tags = parsed.data.flatMap(({ RepoTags }) => RepoTags ?? []).slice(0, 10);
    throw new SdmeError(
      'input.invalid',
      `${name} holds several images (${tags.map((tag) => printable(tag, 80)).join(', ')}); save the one you want by itself`,
    );
  }
  return { config: image.Config, layers: image.Layers };
}

/** The digest of a part of a file, and whether it is compressed. */
async function lookAtLayer(
  file: LayoutFile,
  signal: AbortSignal,
): Promise<{ digest: Digest; plain: boolean }> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(256 * 1024);
  let plain = true;
  for (let done = 0; done < file.size; ) {
    signal.throwIfAborted();
    const { bytesRead } = await file.handle.read(
      buffer,
      0,
      Math.min(buffer.length, file.size - done),
      file.offset + done,
    );
    if (bytesRead === 0) throw new SdmeError('unpack.format', 'the archive is cut off');
    if (done === 0) plain = !/^(1f8b|28b52ffd)/.test(buffer.toString('hex', 0, 4));
    if (plain) break;
    hash.update(buffer.subarray(0, bytesRead));
    done += bytesRead;
  }
  return { digest: `sha256:${hash.digest('hex')}`, plain };
}

/**
 * An image in a `docker save` archive (the old form, without an OCI layout inside). It names no digests of layers: a
 * plain layer's digest is its diff id, so it is checked like any other.
 */
export function openDockerSaveSource(files: LayoutFiles, options: LayoutOptions): ImageSource {
  const { name } = files;
  const places = new Map<number, string>();
  let resolved: ResolvedImage | undefined;

  const openMember = async (member: string): Promise<LayoutFile> => {
    const file = await files.open(member);
    if (file === undefined) throw new SdmeError('not-found', `'${printable(member)}' is missing in ${name}`);
    return file;
  };

  const describeLayer = async (
    member: string,
    diffId: Digest | undefined,
    signal: AbortSignal,
  ): Promise<Descriptor> => {
    const file = await openMember(member);
    await using _handle = file.handle;
    const { digest, plain } = await lookAtLayer(file, signal);
    const mediaType = plain
      ? 'application/vnd.oci.image.layer.v1.tar'
      : 'application/vnd.oci.image.layer.v1.tar+gzip';
    return { mediaType, size: file.size, digest: plain ? (diffId ?? digest) : digest };
  };

  return {
    name,
    resolve: async (ctx) => {
      const manifest = await files.read('manifest.json', documentMaxSize);
      if (manifest === undefined)
        throw new SdmeError('input.invalid', `${name} has neither oci-layout nor manifest.json`);
      const image = parseSavedManifest(manifest, name);
      const bytes = await files.read(image.config, documentMaxSize);
      if (bytes === undefined)
        throw new SdmeError('not-found', `'${printable(image.config)}' is missing in ${name}`);
      const config = parseImageConfig(bytes, `the configuration of ${name}`);
      const layers: Descriptor[] = [];
      for (const [index, member] of image.layers.entries()) {
        places.set(index + 1, member);
        layers.push(await describeLayer(member, config.diffIds[index], ctx.signal));
      }
      const parts = { reference: name, manifestDigest: digestOf(bytes), layers, config };
      resolved = assembleImage(parts, options.platform, options.maxImageSize);
      return resolved;
    },
    blob: async (ctx, layer: LayerDescriptor) => {
      ctx.signal.throwIfAborted();
      const member = places.get(layer.position);
      if (member === undefined) throw new SdmeError('internal', 'a layer of another image');
      const file = await openMember(member);
      const item = layerItem(ctx, layer, resolved);
      item.set(layer.size, layer.size);
      item.end('done');
      return localFile(layer, file);
    },
    has: () => Promise.resolve(true),
    [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
  };
}
