import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SdmeError } from '../../base/errors.ts';
import { type Descriptor, openDirectory } from '../descriptor.ts';
import { errnoOf } from '../failure.ts';
import { removal } from './removal.ts';

/** How long the event loop is held at a time, in milliseconds. */
const sliceMs = 5;

/**
 * Removes whatever is at `path`, a tree of any depth and any modes; a path that is not there is no error. No
 * symlink is followed and no mount point is passed (a tree with a mount in it is an error, and the mounted files
 * stay). The event loop gets a turn every few milliseconds.
 *
 * @throws SdmeError `syscall` (EXDEV or EBUSY: something is mounted in the tree), the signal's reason
 */
export async function removeTree(path: string, options: { signal?: AbortSignal } = {}): Promise<void> {
  options.signal?.throwIfAborted();
  using parent = openParent(path);
  if (parent !== undefined) await removeEntry(parent.fd, Buffer.from(basename(path)), path, options);
}

/**
 * Removes all that a directory of ours holds, whatever bytes the names are; the directory itself stays, with what its
 * maker holds on it. @throws as {@link removeTree}
 */
export async function emptyDirectory(path: string, options: { signal?: AbortSignal } = {}): Promise<void> {
  options.signal?.throwIfAborted();
  using directory = openDirectory(path);
  for (const name of await readdir(path, { encoding: 'buffer' })) {
    await removeEntry(directory.fd, name, path, options);
  }
}

/** Removes a name of an open directory; `what` is what an error calls it. */
async function removeEntry(
  parentFd: number,
  name: Buffer,
  what: string,
  options: { signal?: AbortSignal },
): Promise<void> {
  try {
    let sliceEnd = performance.now() + sliceMs;
    for (const _step of removal(parentFd, name)) {
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      options.signal?.throwIfAborted();
      sliceEnd = performance.now() + sliceMs;
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    const facts = error instanceof SdmeError ? error.facts : {};
    throw new SdmeError('syscall', `cannot remove ${what}`, { cause: error, facts });
  }
}

function openParent(path: string): Descriptor | undefined {
  try {
    return openDirectory(dirname(path));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
