/** Ids from `base` on, `size` of them. */
interface IdRange {
  readonly base: number;
  readonly size: number;
}

/**
 * The arguments of mount(8) for a bind mount of `source` in which the ids 0 to `size` of the files appear as those
 * from `base` on, and files of other ids as nobody's (mount_setattr(2), "ID-mapped mounts"; mount(8),
 * `X-mount.idmap`, util-linux 2.39). Mounts below `source` are not part of it.
 */
export function idmapMountArguments(source: string, target: string, { base, size }: IdRange): string[] {
  return ['--bind', '-o', `X-mount.idmap=b:0:${base}:${size}`, source, target];
}
