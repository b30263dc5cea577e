import { lstat } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import { errnoOf } from '../system/failure.ts';

/** An absolute path and all that it lies below, the outermost first, without `/`. */
export function prefixesOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  return names.map((_name, index) => `/${names.slice(0, index + 1).join('/')}`);
}

/** True for a symlink, whatever it leads to; false where there is nothing. @throws SdmeError `io` */
export async function isSymlink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(cause) ?? '')) return false;
    throw new SdmeError('io', `cannot look at ${path}`, { cause });
  }
}

/** A shell's command that fails when one of its arguments is a symlink: systemd also starts a container by itself. */
export const refuseSymlinks =
  'for path do if [ -L "$path" ]; then echo "$path is a symlink, which would be followed on the host" >&2; exit 1; fi; done';
