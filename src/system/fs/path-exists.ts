import { stat } from 'node:fs/promises';
import { SdmeError } from '../../base/errors.ts';
import { errnoOf } from '../failure.ts';

/** True when there is something at a path, symlinks followed. @throws SdmeError `io` */
export async function pathExists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') return false;
    throw new SdmeError('io', `cannot look at ${path}`, { cause });
  }
}
