import { SdmeError } from '../../base/errors.ts';
import { showBytes } from '../../base/show-bytes.ts';
import { openDirectory } from '../../system/descriptor.ts';
import { pathsThroughProc } from '../../system/owner-calls.ts';
import type { UidShift } from '../uid-shift.ts';
import { newScratch, shiftDirectory, shiftRoot, type TreeShift } from './shift-directory.ts';

/**
 * Gives a small tree of our own making away, the root directory included: it has no files with privileges. Inodes
 * whose ids are not in the range are left alone, so that it may be called again. Synchronous.
 *
 * @throws SdmeError `syscall`, `disk.full`; `internal` for a file with privileges
 */
export function shiftSmallTree(path: string, shift: UidShift): void {
  using root = openDirectory(path);
  const directories: Buffer[] = [Buffer.alloc(0)];
  const tree: TreeShift = {
    rootFd: root.fd,
    shift,
    scratch: newScratch(),
    pathsIn: pathsThroughProc,
    enter: (directory) => void directories.push(directory),
    spare: (file) => {
      throw new SdmeError('internal', `a file with privileges in a small tree: ${showBytes(file.path)}`);
    },
    report: (error) => {
      throw error;
    },
  };
  shiftRoot(tree);
  for (let next = directories.pop(); next !== undefined; next = directories.pop()) shiftDirectory(tree, next);
}
