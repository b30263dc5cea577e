import { realpath, stat, statfs } from 'node:fs/promises';
import { SdmeError } from '../../base/errors.ts';

/** True when `path` is `directory` or below it; both real, absolute paths. Compares components, not prefixes. */
export function isWithin(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

/** What decides whether copying a directory would copy the store too. Paths are real; devices as of stat(2). */
export interface CopyFacts {
  readonly source: string;
  readonly sourceDevice: number;
  readonly store: string;
  readonly storeDevice: number;
}

/** True when the store is in the source, on the same file system, so that the copy would never end. */
export function copiesItself({ source, sourceDevice, store, storeDevice }: CopyFacts): boolean {
  return sourceDevice === storeDevice && isWithin(store, source);
}

/** File systems that share blocks between copies, by f_type of statfs(2). */
const sharingTypes: ReadonlySet<number> = new Set([0x9123683e /* btrfs */, 0x58465342 /* xfs */]);

/**
 * The real path of a directory to copy, and whether its blocks can be shared with the store.
 * @throws SdmeError `source.unsupported` when the store lies in it
 */
export async function checkCopySource(
  path: string,
  storeDir: string,
): Promise<{ path: string; shares: boolean }> {
  const source = await realpath(path);
  const store = await realpath(storeDir);
  const sourceDevice = (await stat(source)).dev;
  const storeDevice = (await stat(store)).dev;
  if (copiesItself({ source, sourceDevice, store, storeDevice })) {
    throw new SdmeError(
      'source.unsupported',
      `'${path}' holds the store (${store}), which would be copied into itself; put the store on another file system or import another directory`,
    );
  }
  const { type } = await statfs(store);
  return { path: source, shares: sourceDevice === storeDevice && sharingTypes.has(type) };
}
