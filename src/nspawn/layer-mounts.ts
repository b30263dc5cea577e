import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { idmapMountArguments } from '../system/idmapped-mount.ts';
import { lowerDirectory } from './arguments.ts';
import type { ContainerRecord } from './record.ts';
import { submountDirectory } from './submounts.ts';
import { mappedRange } from './user-range.ts';

/** One mount of a container's tree, as mount(8) makes it. */
export interface LayerMount {
  readonly arguments: readonly string[];
  readonly target: string;
  /** The container comes up without it when it fails. */
  readonly optional: boolean;
}

/** A path inside overlayfs options, where `,` and `:` separate and `\` escapes. */
function overlayPath(path: string): string {
  if (/[,:\\]/.test(path)) {
    throw new SdmeError(
      'config.invalid',
      `an overlay cannot be mounted from ${JSON.stringify(path)}: ',', ':' and '\\' have a meaning there; use another datadir`,
    );
  }
  return path;
}

/** The directories of an overlay. */
export interface OverlayPaths {
  readonly lower: string;
  readonly upper: string;
  readonly work: string;
  readonly merged: string;
}

/**
 * The arguments of mount(8) for one overlay. With `metacopy` a file that only gets another owner or mode has that
 * noted in the upper layer, and its data stay below until they are written to. Layers that were ever mounted so must
 * always be. What it trusts in the upper layer, attributes `trusted.overlay.*`, nobody can set through the mount.
 * Where the file system cannot hold them the kernel copies after all (Documentation/filesystems/overlayfs.rst,
 * "Metadata only copy up").
 */
export function overlayMountArguments(
  { lower, upper, work, merged }: OverlayPaths,
  copies: 'all' | 'metacopy',
): string[] {
  const layers = `lowerdir=${overlayPath(lower)},upperdir=${overlayPath(upper)},workdir=${overlayPath(work)}`;
  return ['-t', 'overlay', 'overlay', '-o', copies === 'metacopy' ? `${layers},metacopy=on` : layers, merged];
}

/** The directories of one layered tree: of the whole container, or of a host mount point in a host-root clone. */
export interface LayerPaths extends OverlayPaths {
  /** What lies below: a rootfs, `/`, or the mount point. */
  readonly source: string;
  /** Where `source` is seen with the container's users, when it is mapped. */
  readonly lower: string;
}

/** The directories of one host mount point's layers. */
export interface SubmountPaths extends LayerPaths {
  /** Where `upper` is made. */
  readonly staged: string;
}

/**
 * Where the layers of a host mount point lie, and where they are mounted together, to be bound into the container
 * (contract 2.1).
 */
export function submountPaths(containerDir: string, mountPoint: string): SubmountPaths {
  const own = `${containerDir}/submounts/${submountDirectory(mountPoint)}`;
  return {
    source: mountPoint,
    lower: `${own}/lower`,
    upper: `${own}/upper`,
    work: `${own}/work`,
    merged: `${own}/merged`,
    staged: `${own}/staged`,
  };
}

/** The layered trees of a container: its own first, then those of the host's mount points. */
export function layersOf(
  record: ContainerRecord,
  layout: Pick<Layout, 'containerDir' | 'rootfsDir'>,
  submounts: readonly string[],
): LayerPaths[] {
  const dir = layout.containerDir(record.NAME);
  const own = {
    source: lowerDirectory(record, layout.rootfsDir),
    lower: `${dir}/lower`,
    upper: `${dir}/upper`,
    work: `${dir}/work`,
    merged: `${dir}/merged`,
  };
  return [own, ...submounts.map((mountPoint) => submountPaths(dir, mountPoint))];
}

/**
 * The mounts that make up a container's tree, in order. overlayfs cannot be idmapped, but what it lies on can: with a
 * mapped user namespace each lower layer is bound with its ids moved into the container's range, and the overlay is
 * made over that. Where files are given away instead, only their owners are copied.
 */
export function layerMounts(record: ContainerRecord, layers: readonly LayerPaths[]): LayerMount[] {
  const range = mappedRange(record);
  const copies = record.USERNS_MAPPING === 'shift' ? 'metacopy' : 'all';
  return layers.flatMap((layer, index): LayerMount[] => {
    const { source, lower, merged: target } = layer;
    const optional = index > 0;
    const overlay = (paths: OverlayPaths): LayerMount => ({
      arguments: overlayMountArguments(paths, copies),
      target,
      optional,
    });
    if (range === undefined) return [overlay({ ...layer, lower: source })];
    return [
      { arguments: idmapMountArguments(source, lower, range), target: lower, optional },
      overlay(layer),
    ];
  });
}
