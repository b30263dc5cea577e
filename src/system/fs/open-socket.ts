import { fstatSync } from 'node:fs';
import { posix } from 'node:path';
import { openAt2, owned } from '../descriptor.ts';
import { O_NOFOLLOW, O_PATH, RESOLVE_NO_SYMLINKS } from '../ffi/constants.ts';
import { openDirectoryIn } from './beneath.ts';

/** A socket in the file system that was looked up; what its name means by now does not matter. */
export interface OpenSocket extends Disposable {
  /** A path to connect to it by, as long as it is open. */
  readonly path: string;
}

/**
 * Looks a socket up in a tree that strangers made, where links are followed as if `root` were `/`, but not a link in its
 * own place. Undefined when it is no socket. @throws SdmeError `syscall` when there is nothing
 */
export function openSocketIn(root: string, path: string): OpenSocket | undefined {
  using directory = openDirectoryIn(root, posix.dirname(path));
  const how = { flags: O_PATH | O_NOFOLLOW, resolve: RESOLVE_NO_SYMLINKS };
  const node = owned(openAt2(directory.fd, posix.basename(path), how));
  if (fstatSync(node.fd).isSocket()) {
    return { path: `/proc/self/fd/${node.fd}`, [Symbol.dispose]: () => node[Symbol.dispose]() };
  }
  node[Symbol.dispose]();
  return undefined;
}
