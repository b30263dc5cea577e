import { lstatSync } from 'node:fs';
import { type FileHandle, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SdmeError } from '../../base/errors.ts';
import { errnoOf } from '../failure.ts';
import { tryFlock, waitForFlock } from '../flock.ts';
import { renameExchange, renameNoReplace, syncDirectory } from '../rename.ts';
import { removeTree } from './remove-tree.ts';
import { isAbandoned, openMark, type StagingKind, stagingName } from './staging-mark.ts';

/** A directory that is filled and then renamed into its final place; whatever was not committed is removed. */
export interface Staging extends AsyncDisposable {
  readonly path: string;
  /**
   * Renames the directory to its final place and makes that durable. With `replace`, what was there is swapped
   * out in the same atomic step and removed on disposal; without, it must not exist.
   * @throws SdmeError `exists`, `syscall`
   */
  commit(options?: { readonly replace?: boolean }): Promise<void>;
}

/**
 * Makes an empty directory, mode 0700, beside `finalPath`. Its maker holds flock(2) on it as long as it lives,
 * which is how others tell a live one from a stale one even when the pid was given to another process since.
 *
 * @throws SdmeError `lock.busy` when this process is already staging for the same place; `io`
 */
export async function makeStaging(finalPath: string, what: StagingKind): Promise<Staging> {
  const path = stagingPath(finalPath, what);
  const mark = await makeMarked(path);
  let disposed: Promise<void> | undefined;
  const dispose = async (): Promise<void> => {
    try {
      await removeTree(path);
    } finally {
      await mark.close();
    }
  };
  return {
    path,
    commit: ({ replace = false } = {}) => commit(path, finalPath, replace),
    [Symbol.asyncDispose]: () => {
      disposed ??= dispose();
      return disposed;
    },
  };
}

async function makeMarked(path: string): Promise<FileHandle> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') {
      throw new SdmeError('io', `cannot make the staging directory ${path}`, { cause: error });
    }
    // A dead process of the same pid left it, or a disposal of ours failed half-way.
    if (!(await isAbandoned(path))) {
      throw new SdmeError('lock.busy', `${path} is in use; wait for that job to end`);
    }
    await removeTree(path);
    return makeMarked(path);
  }
  const mark = await openMark(path);
  try {
    // A clean-up that looks whether the directory is abandoned holds the mark for an instant.
    if (!tryFlock(mark.fd, 'exclusive'))
      await waitForFlock(mark.fd, 'exclusive', AbortSignal.timeout(10_000));
  } catch (error) {
    await mark.close();
    throw error;
  }
  return mark;
}

async function commit(path: string, finalPath: string, replace: boolean): Promise<void> {
  if (replace && lstatSync(finalPath, { throwIfNoEntry: false }) !== undefined) {
    renameExchange(path, finalPath);
  } else {
    try {
      renameNoReplace(path, finalPath);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      throw new SdmeError('exists', `${finalPath} exists already`, { cause: error });
    }
  }
  await syncDirectory(dirname(finalPath));
}

/**
 * Removes a tree that others may be looking at: it leaves its place in one step, by a rename to a staging name, and
 * is then taken apart. What an interruption leaves is stale staging. A path that is not there is no error.
 */
export async function removeByStaging(
  finalPath: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const path = stagingPath(finalPath, 'remove');
  await removeTree(path, options);
  try {
    renameNoReplace(finalPath, path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  await syncDirectory(dirname(finalPath));
  await removeTree(path, options);
}

function stagingPath(finalPath: string, what: StagingKind): string {
  return join(dirname(finalPath), stagingName(basename(finalPath), what, process.pid));
}
