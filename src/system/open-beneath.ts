import { type Descriptor, openAt2, owned } from './descriptor.ts';
import { O_DIRECTORY, O_NOFOLLOW, O_PATH, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS } from './ffi/constants.ts';

/** The kernel takes paths of 4095 bytes; trees may be deeper. */
const longest = 4000;
const slash = 0x2f;
const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

/**
 * Opens a directory below an open one. No symlink is passed, mount points are. `path` may be of any length; empty, it is
 * the open directory itself. @throws SdmeError `syscall`: ELOOP for a symlink
 */
export function openBeneath(rootFd: number, path: Buffer): Descriptor {
  let from: Descriptor | undefined;
  let rest = path;
  try {
    while (rest.length > longest) {
      const cut = rest.lastIndexOf(slash, longest);
      const next = openAt2(from?.fd ?? rootFd, rest.subarray(0, cut), {
        flags: O_PATH | O_DIRECTORY,
        resolve,
      });
      from?.[Symbol.dispose]();
      from = owned(next);
      rest = rest.subarray(cut + 1);
    }
    const last = rest.length === 0 ? '.' : rest;
    return owned(openAt2(from?.fd ?? rootFd, last, { flags: O_DIRECTORY | O_NOFOLLOW, resolve }));
  } finally {
    from?.[Symbol.dispose]();
  }
}
