import { constants, copyFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../../base/context.ts';
import { SdmeError } from '../../base/errors.ts';
import { run } from '../../system/exec/run.ts';
import { errnoOf } from '../../system/failure.ts';
import { emptyDirectory } from '../../system/fs/remove-tree.ts';
import { copyTree } from './copy-tree.ts';

/** How the files of a tree came into another one. */
export type Sharing = 'reflink' | 'hard links' | 'copy';

/** True when the file system can share blocks between two files of it (ioctl_ficlone(2)). */
async function canReflink(base: string, target: string): Promise<boolean> {
  if ((await stat(base)).dev !== (await stat(target)).dev) return false;
  const [probe, clone] = [join(target, '.sdme-reflink-probe'), join(target, '.sdme-reflink-clone')];
  try {
    await writeFile(probe, 'probe', { flag: 'wx' });
    await copyFile(probe, clone, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (['ENOTSUP', 'EOPNOTSUPP', 'ENOTTY', 'EINVAL', 'ENOSYS', 'EXDEV'].includes(errnoOf(error) ?? ''))
      return false;
    throw error;
  } finally {
    await rm(probe, { force: true });
    await rm(clone, { force: true });
  }
}

const archive = ['--archive', '--no-preserve=context', '--one-file-system', '--no-target-directory'];

/** Directories of its own, and in them the very files of `base`. False when the file system refuses. */
async function linkTree(ctx: Context, base: string, target: string): Promise<boolean> {
  try {
    await run('cp', [...archive, '--link', '--', base, target], { signal: ctx.signal });
    return true;
  } catch (error) {
    ctx.signal.throwIfAborted();
    const refused =
      error instanceof SdmeError &&
      /cross-device link|Too many links|Operation not permitted/.test(error.message);
    if (!refused) throw error;
    // A copy over what was linked already would write into the base's own files.
    await emptyDirectory(target, { signal: ctx.signal });
    return false;
  }
}

/**
 * Fills the empty directory `target` with the tree of the rootfs `base` without a copy of its files where the file
 * system can share them: blocks by reflink, else the files themselves by hard link, else a copy. Hard links are safe
 * as a rootfs in the store is never changed in place: containers write to layers of their own, and what this
 * program writes into a tree takes a new inode each time. `store` is the directory that holds both.
 *
 * @throws SdmeError `disk.full`, `process.failed`; the signal's reason
 */
export async function shareTree(ctx: Context, base: string, target: string, store: string): Promise<Sharing> {
  if (await canReflink(base, target)) {
    await run('cp', [...archive, '--reflink=always', '--', base, target], { signal: ctx.signal });
    return 'reflink';
  }
  if (await linkTree(ctx, base, target)) return 'hard links';
  await copyTree(ctx, base, target, store);
  return 'copy';
}
