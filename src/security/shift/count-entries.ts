import { readEntries } from '../../system/directory-entries.ts';
import { openBeneath } from '../../system/open-beneath.ts';

/**
 * How many entries there are below an open directory. By the directories' own word: an entry of which the file system
 * does not say what it is counts as one. What cannot be read is left out. @throws SdmeError `syscall`
 */
export function countEntries(rootFd: number): number {
  const buffer = Buffer.allocUnsafe(32 * 1024);
  const directories: Buffer[] = [Buffer.alloc(0)];
  let count = 0;
  for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
    using directory = openBeneath(rootFd, path);
    for (let some = readEntries(directory.fd, buffer); some; some = readEntries(directory.fd, buffer)) {
      count += some.length;
      for (const { name, kind } of some) {
        if (kind !== 'directory') continue;
        directories.push(path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]));
      }
    }
  }
  return count;
}
