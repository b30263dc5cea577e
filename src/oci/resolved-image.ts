import type { Digest } from '../base/digests.ts';
import { SdmeError } from '../base/errors.ts';
import { formatSize } from '../base/sizes.ts';
import type { Descriptor } from './descriptors.ts';
import { checkImagePlatform, type ImageConfig } from './image-config.ts';
import type { Platform } from './platforms.ts';
import type { ResolvedImage } from './sources/image-source.ts';

/** What an image is put together from. */
export interface ImageParts {
  readonly reference: string;
  readonly manifestDigest: Digest;
  readonly layers: readonly Descriptor[];
  readonly config: ImageConfig;
}

/**
 * Joins manifest and configuration: every layer needs exactly one diff id (unpack-cases F16), the architecture must
 * be the host's, the compressed size must be within `maxSize` bytes.
 * @throws SdmeError `oci.manifest-invalid`, `oci.platform-missing`, `oci.limit`
 */
export function assembleImage(parts: ImageParts, platform: Platform, maxSize: number): ResolvedImage {
  const { reference, manifestDigest, layers, config } = parts;
  if (config.diffIds.length !== layers.length) {
    throw new SdmeError(
      'oci.manifest-invalid',
      `${reference} has ${layers.length} layers, but its configuration names ${config.diffIds.length} diff ids`,
    );
  }
  checkImagePlatform(config, platform);
  const size = layers.reduce((sum, layer) => sum + layer.size, 0);
  if (size > maxSize) {
    throw new SdmeError(
      'oci.limit',
      `${reference} has ${formatSize(size)} to download, more than max_download_size (${formatSize(maxSize)})`,
    );
  }
  return {
    reference,
    manifestDigest,
    platform: `${platform.os}/${platform.architecture}`,
    config,
    layers: layers.map((layer, index) => {
      const diffId = config.diffIds[index];
      if (diffId === undefined) throw new SdmeError('internal', 'a layer without a diff id');
      return { ...layer, diffId, position: index + 1 };
    }),
  };
}
