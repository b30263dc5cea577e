import { join } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import { kindInNoFollow } from '../system/fs/beneath.ts';
import type { ContainerRecord } from './record.ts';

/** The root of an application in a container, and below it what its workload may rename and replace. */
const applicationRoot = /^\/oci\/apps\/[^/]+\/root\//;

/**
 * Paths that must be no links, relative to the container's root: the components of what is bound into applications,
 * below their roots. nspawn follows a link within the container, so a workload that puts one there would have its volume
 * mounted over the container's own files at the next start, units of its own included.
 */
export function applicationBindPaths(record: Pick<ContainerRecord, 'BINDS'>): string[] {
  const paths = record.BINDS.flatMap(({ container }) => {
    const root = applicationRoot.exec(container)?.[0];
    if (root === undefined) return [];
    const parts = container
      .slice(root.length)
      .split('/')
      .filter((part) => part !== '');
    return parts.map((_part, index) => join(root, ...parts.slice(0, index + 1)).slice(1));
  });
  return [...new Set(paths)];
}

/**
 * Makes sure that what is bound into applications goes where it says, in each layer of a container.
 * @throws SdmeError `state.conflict`, `input.invalid` for a path that a condition of a unit cannot name
 */
export function demandPlainBinds(record: ContainerRecord, layers: readonly string[]): void {
  for (const path of applicationBindPaths(record)) {
    // systemd would cut the one off, and take the other for a line that goes on.
    if (/[\s\\]$/.test(path))
      throw new SdmeError(
        'input.invalid',
        `cannot bind to /${path}: a name ends in white space or a backslash`,
      );
    if (layers.some((layer) => kindInNoFollow(layer, path) === 'symlink'))
      throw new SdmeError(
        'state.conflict',
        `cannot bind into the application: /${path} in container '${record.NAME}' is a symlink; replace it by a directory or remove the container`,
        { facts: { container: record.NAME } },
      );
  }
}
