import { gzipSync } from 'node:zlib';
import { blobOf, describe, jsonBlob, layoutFiles, mediaTypes, sha256 } from './oci-image.ts';

/** The files of an OCI layout with one image whose one layer is the given tar. */
export function layoutOfTar(tar: Buffer, config: Readonly<Record<string, unknown>>): Record<string, Buffer> {
  const layer = blobOf(mediaTypes.layer, gzipSync(tar, { level: 1 }));
  const configBlob = jsonBlob(mediaTypes.config, {
    os: 'linux',
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    config,
    rootfs: { type: 'layers', diff_ids: [sha256(tar)] },
  });
  const manifest = jsonBlob(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describe(configBlob),
    layers: [describe(layer)],
  });
  return layoutFiles([{ manifest, config: configBlob, layers: [layer] }]);
}
