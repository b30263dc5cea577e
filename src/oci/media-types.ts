/** What a document or blob is, by its media type (OCI image spec media-types.md; docker manifest-v2-2). */
export type MediaKind = 'index' | 'manifest' | 'config' | 'layer' | 'other';

/** Types asked for when a manifest is fetched, in order of preference. */
export const manifestAccept = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;

const kinds: ReadonlyMap<string, MediaKind> = new Map<string, MediaKind>([
  ['application/vnd.oci.image.index.v1+json', 'index'],
  ['application/vnd.docker.distribution.manifest.list.v2+json', 'index'],
  ['application/vnd.oci.image.manifest.v1+json', 'manifest'],
  ['application/vnd.docker.distribution.manifest.v2+json', 'manifest'],
  ['application/vnd.oci.image.config.v1+json', 'config'],
  ['application/vnd.docker.container.image.v1+json', 'config'],
  ['application/vnd.oci.image.layer.v1.tar', 'layer'],
  ['application/vnd.oci.image.layer.v1.tar+gzip', 'layer'],
  ['application/vnd.oci.image.layer.v1.tar+zstd', 'layer'],
  ['application/vnd.docker.image.rootfs.diff.tar', 'layer'],
  ['application/vnd.docker.image.rootfs.diff.tar.gzip', 'layer'],
  ['application/vnd.docker.image.rootfs.diff.tar.zstd', 'layer'],
  // Layers that may lie elsewhere: they are asked of the registry as any other, their `urls` are never
  // followed (unpack-cases F19).
  ['application/vnd.oci.image.layer.nondistributable.v1.tar', 'layer'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', 'layer'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+zstd', 'layer'],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar', 'layer'],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 'layer'],
]);

/** The kind of a media type, `other` for what we have no use for. */
export function mediaKind(mediaType: string): MediaKind {
  return kinds.get(mediaType) ?? 'other';
}

/** A Content-Type header without its parameters, lower-cased; undefined when absent or empty. */
export function contentMediaType(header: string | undefined): string | undefined {
  const type = header?.split(';')[0]?.trim().toLowerCase();
  return type === undefined || type === '' ? undefined : type;
}
