import { fstatSync, readlinkSync, realpathSync } from 'node:fs';
import { relative } from 'node:path';
import { cString } from '../c-string.ts';
import { checked, errnoOf } from '../failure.ts';
import { libc } from '../ffi/libc.ts';
import { ensureDirIn, openDirectoryIn } from './beneath.ts';

/**
 * Hides what lower layers have in a directory of an upper layer (kernel documentation, overlayfs, "whiteouts and
 * opaque directories"). @throws SdmeError `syscall`
 */
export function markOpaqueIn(upper: string, path: string): void {
  using directory = openDirectoryIn(upper, path);
  // The `.` makes the kernel follow the descriptor's link; lsetxattr would otherwise mean the link itself.
  const target = cString(`/proc/self/fd/${directory.fd}/.`);
  const value = Buffer.from('y');
  const result = libc().lsetxattr(target, cString('trusted.overlay.opaque'), value, value.length, 0);
  checked('lsetxattr', result, () => `cannot hide ${path} in ${upper}`);
}

interface LowerDirectory {
  /** Its path in the lower layer with all symlinks resolved, without leading `/`. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The directory a path leads to in the lower layer; undefined when it leads to none. */
function lowerDirectory(lower: string, path: string): LowerDirectory | undefined {
  try {
    using directory = openDirectoryIn(lower, path);
    const { mode, uid, gid } = fstatSync(directory.fd);
    const real = readlinkSync(`/proc/self/fd/${directory.fd}`);
    return { path: relative(realpathSync(lower), real), mode: mode & 0o7777, uid, gid };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ELOOP') return undefined;
    throw error;
  }
}

/**
 * Makes a directory in an upper layer, with parents, so that the merged tree keeps its shape: symlinks on the way
 * in the lower layer are followed within it, and directories that it has keep their mode and owner.
 *
 * @returns the directory's path in the upper layer, which differs from `path` when a symlink was followed
 * @throws SdmeError `syscall`
 */
export function ensureLayerDirectory(upper: string, lower: string, path: string): string {
  let here = '';
  for (const name of path.split('/').filter((part) => part !== '' && part !== '.')) {
    const wanted = here === '' ? name : `${here}/${name}`;
    const below = lowerDirectory(lower, wanted);
    // A symlink may have led to a place whose own parents are not in the upper layer yet.
    here =
      below === undefined || below.path === wanted ? wanted : ensureLayerDirectory(upper, lower, below.path);
    ensureDirIn(upper, here, below ?? {});
  }
  return here;
}
