import { join, normalize } from 'node:path/posix';
import { SdmeError } from '../base/errors.ts';
import { kindIn, kindInNoFollow } from '../system/fs/beneath.ts';
import type { ContainerRecord } from './record.ts';

/** The root of an application in a container, and below it what its workload may rename and replace. */
const applicationRoot = /^\/oci\/apps\/[^/]+\/root\//;

/** A path of a container as one text, whatever slashes it was given with: `/a/b`, without one at its end. */
function plainPath(path: string): string {
  return normalize(`/${path}`)
    .replace(/^\/+/, '/')
    .replace(/(?<=.)\/+$/, '');
}

/**
 * Paths that must be no links, relative to the container's root: the components of what is bound into applications,
 * below their roots. nspawn follows a link within the container, so a workload that puts one there would have its volume
 * mounted over the container's own files at the next start, units of its own included.
 */
export function applicationBindPaths(record: Pick<ContainerRecord, 'BINDS'>): string[] {
  const paths = record.BINDS.flatMap((bind) => {
    const container = plainPath(bind.container);
    const root = applicationRoot.exec(container)?.[0];
    if (root === undefined) return [];
    const parts = container.slice(root.length).split('/');
    return parts.map((_part, index) => join(root, ...parts.slice(0, index + 1)).slice(1));
  });
  return [...new Set(paths)];
}

/** The first of `paths` that lies strictly below another of them, and that other one. */
export function nestedPath(
  paths: readonly string[],
  covering: readonly string[] = paths,
): { readonly inner: string; readonly outer: string } | undefined {
  for (const inner of paths) {
    const outer = covering.find((path) => inner.startsWith(`${path === '/' ? '' : path}/`));
    if (outer !== undefined) return { inner, outer };
  }
  return undefined;
}

/**
 * Makes sure that nothing is bound into an application below another mount of its container: who writes to that one may
 * put a link in the way there, where nobody looks, and have the inner one mounted over the container's own files.
 *
 * @param submounts host mount points that a clone of the host's root has over its own
 * @throws SdmeError `state.conflict` naming both
 */
export function demandApartBinds(
  record: Pick<ContainerRecord, 'BINDS'>,
  submounts: readonly string[] = [],
): void {
  const bound = record.BINDS.map(({ container }) => plainPath(container));
  const nested = nestedPath(
    bound.filter((path) => applicationRoot.test(path)),
    [...bound, ...submounts],
  );
  if (nested === undefined) return;
  const { inner, outer } = nested;
  throw new SdmeError(
    'state.conflict',
    `cannot bind to ${inner} in the application, as it lies below ${outer}, which is bound too: who writes to that could lead it elsewhere; bind only one of them (--no-oci-volumes leaves the image's volumes)`,
  );
}

function refuseInTheWay(record: Pick<ContainerRecord, 'NAME'>, path: string, found: string): never {
  throw new SdmeError(
    'state.conflict',
    `cannot bind into the application: /${path} in container '${record.NAME}' is ${found}; replace it by a directory or remove the container`,
    { facts: { container: record.NAME } },
  );
}

/**
 * Makes sure that what is bound into applications goes where it says, in each layer of a container.
 *
 * @param layers from the uppermost down
 * @throws SdmeError `state.conflict`, `input.invalid` for a path that a condition of a unit cannot name
 */
export function demandPlainBinds(record: ContainerRecord, layers: readonly string[]): void {
  demandApartBinds(record);
  // A file or device is bound over a file.
  const files = record.BINDS.filter(({ host }) => kindIn('/', host) !== 'directory').map(({ container }) =>
    plainPath(container).slice(1),
  );
  for (const path of applicationBindPaths(record)) {
    // systemd would cut the one off, and take the other for a line that goes on.
    if (/[\s\\]$/.test(path))
      throw new SdmeError(
        'input.invalid',
        `cannot bind to /${path}: a name ends in white space or a backslash`,
      );
    const kinds = layers.map((layer) => kindInNoFollow(layer, path));
    if (kinds.includes('symlink')) refuseInTheWay(record, path, 'a symlink');
    // The uppermost is what is seen. A removed directory is a device there.
    const seen = kinds.find((kind) => kind !== undefined);
    if (seen === 'file' && !files.includes(path)) refuseInTheWay(record, path, 'a file');
  }
}
