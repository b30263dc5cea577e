import { readlinkSync } from 'node:fs';
import { relative } from 'node:path';
import { openDirectoryIn } from './beneath.ts';

/**
 * The path of a directory in the root with all links resolved in it, without leading `/`.
 * @throws SdmeError `syscall` when it leads to no directory
 */
export function plainPathIn(root: string, path: string): string {
  using above = openDirectoryIn(root, '');
  using found = openDirectoryIn(root, path);
  const [top = '', real = ''] = [above, found].map(({ fd }) => readlinkSync(`/proc/self/fd/${fd}`));
  return relative(top, real);
}
