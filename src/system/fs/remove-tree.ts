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
  if (parent === undefined) return;
  try {
    let sliceEnd = performance.now() + sliceMs;
    for (const _step of removal(parent.fd, Buffer.from(basename(path)))) {
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      options.signal?.throwIfAborted();
      sliceEnd = performance.now() + sliceMs;
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    const facts = error instanceof SdmeError ? error.facts : {};
    throw new SdmeError('syscall', `cannot remove ${path}`, { cause: error, facts });
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
