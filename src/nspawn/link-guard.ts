import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { lowerDirectory } from './arguments.ts';
import { bindDestination, isInFreshMount } from './bind-destination.ts';
import { type LayerPaths, layersOf } from './layer-mounts.ts';
import type { ContainerRecord } from './record.ts';
import { isSymlink, prefixesOf } from './symlinks.ts';

/*
 * systemd-nspawn builds a container's tree while the host's root is still its own. Most paths in it it looks up as the
 * container would see them, but it makes directories, nodes and files below /dev and /run by name, so that a symlink
 * in their place leads it to the host's files. So does one that leads a bind mount over /run, which then brings links
 * of its own. Until the container runs nobody changes its tree: what is found to be no link before the start stays so.
 */

/** What nspawn makes things in by name: all of it is there before a bind mount is. */
const madeIn = ['/dev', '/run'];

/** A path of a container that must be no symlink, and where it lies on the host. */
export interface GuardedPath {
  readonly path: string;
  readonly at: string;
}

type Layers = Pick<Layout, 'containerDir' | 'rootfsDir'>;

/** The record with bind mounts where they go in its rootfs. @throws SdmeError `input.invalid` */
export function withBindDestinations(record: ContainerRecord, { rootfsDir }: Layers): ContainerRecord {
  const rootfs = lowerDirectory(record, rootfsDir);
  const place = (path: string): string => bindDestination(rootfs, path);
  return { ...record, BINDS: record.BINDS.map((bind) => ({ ...bind, container: place(bind.container) })) };
}

/**
 * The paths that must be no symlinks when a container starts, each after those it lies below: what nspawn makes things
 * in, and every component of where something is bound, in the mount it is looked up in.
 *
 * @param record with bind mounts where they go ({@link withBindDestinations})
 * @param part of each layered tree the one to look in
 */
export function guardedPaths(
  record: ContainerRecord,
  layout: Layers,
  submounts: readonly string[],
  part: 'upper' | 'merged',
): GuardedPath[] {
  const [own, ...inner] = layersOf(record, layout, submounts).map((layer: LayerPaths) => layer[part]);
  const mounted = [
    ...submounts.map((mountPoint, index) => ({ mountPoint, on: inner[index] ?? '' })),
    ...record.BINDS.map(({ container, host }) => ({ mountPoint: container, on: host })),
  ];
  const locate = (path: string): string => {
    const above = mounted
      .filter(({ mountPoint }) => path.startsWith(`${mountPoint}/`))
      .sort((one, other) => one.mountPoint.length - other.mountPoint.length)
      .at(-1);
    return above === undefined ? `${own ?? ''}${path}` : `${above.on}${path.slice(above.mountPoint.length)}`;
  };
  const paths = mounted
    .flatMap(({ mountPoint }) => prefixesOf(mountPoint))
    .filter((path) => !isInFreshMount(path));
  return [...new Set([...madeIn, ...paths])].map((path) => ({ path, at: locate(path) }));
}

/**
 * Makes sure that nspawn would follow no link of a container's tree out of it. For containers that do not run.
 * @throws SdmeError `state.conflict`, `input.invalid`, `io`
 */
export async function demandPlainTree(
  record: ContainerRecord,
  layout: Layers,
  submounts: readonly string[],
): Promise<void> {
  const lower = lowerDirectory(record, layout.rootfsDir);
  const placed = withBindDestinations(record, layout);
  const guarded = [
    ...madeIn.map((path) => ({ path, at: `${lower}${path}` })),
    ...guardedPaths(placed, layout, submounts, 'upper'),
  ];
  for (const { path, at } of guarded) {
    if (!(await isSymlink(at))) continue;
    throw new SdmeError(
      'state.conflict',
      `${path} in container '${record.NAME}' is a symlink, which systemd-nspawn would follow on the host; make it a directory or remove the container`,
      { facts: { container: record.NAME } },
    );
  }
}
