import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SdmeError } from '../../base/errors.ts';
import { errnoOf } from '../failure.ts';
import { removeTree } from './remove-tree.ts';
import { isAbandoned, parseStagingName, type StagingKind } from './staging-mark.ts';

/** A staging directory found on disk. */
export interface FoundStaging {
  readonly path: string;
  /** Name of the object it is for. */
  readonly name: string;
  readonly what: StagingKind;
  readonly pid: number;
  /** True when its maker is gone, so that it may be removed. */
  readonly stale: boolean;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

/** Longer than any maker needs from making the directory to locking it. */
const markGraceMs = 60_000;

async function isStale(path: string, pid: number): Promise<boolean> {
  if (!(await isAbandoned(path))) return false;
  if (pid !== process.pid && !isAlive(pid)) return true;
  return Date.now() - (await stat(path)).ctimeMs > markGraceMs;
}

/** The staging directories in `directory`, of every object or of `name` only; none when it does not exist. */
export async function listStaging(directory: string, name?: string): Promise<FoundStaging[]> {
  let files: string[];
  try {
    files = await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new SdmeError('io', `cannot list ${directory}`, { cause: error });
  }
  const found: FoundStaging[] = [];
  for (const file of files.sort()) {
    const parsed = parseStagingName(file);
    if (parsed === undefined || (name !== undefined && parsed.name !== name)) continue;
    const path = join(directory, file);
    try {
      found.push({ path, ...parsed, stale: await isStale(path, parsed.pid) });
    } catch (error) {
      // It was committed or removed meanwhile, or is a file of somebody else's.
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error;
    }
  }
  return found;
}

/** Removes the staging directories that dead processes left; returns their file names. */
export async function clearStaleStaging(
  directory: string,
  options: { readonly name?: string; readonly signal?: AbortSignal } = {},
): Promise<string[]> {
  const removed: string[] = [];
  for (const found of await listStaging(directory, options.name)) {
    if (!found.stale) continue;
    await removeTree(found.path, options);
    removed.push(basename(found.path));
  }
  return removed;
}
