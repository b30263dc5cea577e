import { countEntries } from '../../system/directory-entries.ts';
import { openBeneath } from '../../system/open-beneath.ts';

const separator = Buffer.from('/');

/**
 * How many entries there are below an open directory. By the directories' own word: an entry of which the file system
 * does not say what it is counts as one. What cannot be read is left out. @throws SdmeError `syscall`
 */
export function countTree(rootFd: number): number {
  const buffer = Buffer.allocUnsafe(32 * 1024);
  const directories: Buffer[] = [Buffer.alloc(0)];
  let count = 0;
  for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
    using directory = openBeneath(rootFd, path);
    const found = countEntries(directory.fd, buffer);
    count += found.entries;
    for (const name of found.directories) {
      directories.push(path.length === 0 ? name : Buffer.concat([path, separator, name]));
    }
  }
  return count;
}
