import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SdmeError } from '../../base/errors.ts';
import { errnoOf } from '../failure.ts';
import { syncDirectory } from '../rename.ts';

/** The text of a file; undefined when there is none. @throws SdmeError `io` */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw new SdmeError('io', `cannot read ${path}`, { cause });
  }
}

/**
 * Writes a file in a directory of ours whole: `.NAME.tmp` is filled, made durable and renamed over it, so that
 * readers and a crash see the old or the new text. One writer at a time, which the caller's lock sees to.
 * @throws SdmeError `disk.full`, `io`
 */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  try {
    await rm(temporary, { force: true });
    await using file = await open(temporary, 'wx', mode);
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    const full = errnoOf(cause) === 'ENOSPC' || errnoOf(cause) === 'EDQUOT';
    if (full) throw new SdmeError('disk.full', `cannot write ${path}: the disk is full`, { cause });
    throw new SdmeError('io', `cannot write ${path}`, { cause });
  }
  await syncDirectory(dirname(path));
}

/** As {@link replaceFile}, but leaves a file that holds the text already. @returns true when it was written */
export async function replaceFileIfChanged(path: string, text: string, mode: number): Promise<boolean> {
  if ((await readTextFile(path)) === text) return false;
  await replaceFile(path, text, mode);
  return true;
}
